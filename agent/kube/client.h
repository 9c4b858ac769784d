// Client: requests to one API server over one HTTP/2 connection that all of them share. It knows
// how to ask and what an answer means for the asker; what objects mean is the business of others.
// Source of truth: kubernetes.io/docs/reference/using-api/api-concepts; client-go rest/request.go.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "agent/kube/config.h"
#include "agent/kube/json_cutter.h"
#include "agent/kube/resource.h"
#include "agent/kube/token.h"
#include "ztunnel/lib/base/rng.h"
#include "ztunnel/lib/http/h2_channel.h"
#include "ztunnel/lib/io/loop.h"

namespace culvert::kube {

// What one request may take in all, its retries included. A write that took longer is better
// decided anew from what is there then.
inline constexpr std::chrono::seconds kRequestDeadline{30};
// What is read of the body of a refusal: a Status is a few hundred bytes.
inline constexpr std::size_t kRefusalBytesMax = 16 * 1024;
// A piece of an answer that is read at once; others of the loop run between two.
inline constexpr std::size_t kPieceBytes = 16 * 1024;
// After a failed connect, with jitter. A server that is back must have its nodes back within half a
// minute, certificates that fell due meanwhile included; 300 nodes knock at a dead one 40 times a
// second.
inline constexpr std::chrono::milliseconds kConnectBackoffFirst{500};
inline constexpr std::chrono::seconds kConnectBackoffMax{10};
// TCP and TLS: an API server that starts under load takes seconds for a handshake.
inline constexpr std::chrono::seconds kConnectWithin{15};

enum class Verb : std::uint8_t {
  get,
  create,           // POST to a collection
  replace,          // PUT
  merge_patch,      // RFC 7386
  strategic_patch,  // Kubernetes' own, of kinds that the API server has built in
  apply,            // server-side apply; the body needs apiVersion and kind
  remove,           // DELETE; the body, if there is one, is DeleteOptions
};

struct Request {
  Verb verb = Verb::get;
  std::string path;          // object_path(…), with "/status" behind it where that is meant
  Query query = {};          // writes get fieldManager=culvert besides
  nlohmann::json body = {};  // null for none
  io::Duration deadline = kRequestDeadline;
};

struct ClientOptions {
  std::string authority = "kubernetes";  // Config's
  std::string base_path = {};
  http::H2ChannelOptions channel = {.connect_timeout = kConnectWithin,
                                    .backoff_first = kConnectBackoffFirst,
                                    .backoff_max = kConnectBackoffMax};
};

class Client {
 public:
  // The client of the server that `config` names, over TCP and TLS.
  Client(io::Loop& loop, Rng& rng, const Config& config);
  // The same over whatever `dial` gives.
  Client(io::Loop& loop, Rng& rng, http::H2Channel::Dial dial, Token token,
         ClientOptions options = {});

  // run keeps the connection. The owner spawns it, and keeps the client until it and all other
  // tasks of it have ended.
  io::Task<> run() { return channel_.run(); }

  // call sends one request and gives the object of the answer, null if that is empty. After a 401
  // it reads the token anew and tries once more; after 429 or 5xx with Retry-After it tries again
  // when that is over, while the deadline allows. Fails with `timed_out`; with `unavailable` when
  // the server can't be reached; with what http_status() (decode.h) tells apart when it refuses.
  // The context holds the request, the status and the server's words.
  io::Task<nlohmann::json> call(Request request);

  // stream sends a GET and gives the body of the answer, to be read to its end by read_objects.
  // Fails as call does; the deadline counts until the answer begins.
  io::Task<std::unique_ptr<http::H2Stream>> stream(std::string path, Query query);

  // connected waits until there is a connection; fails with what the next attempt failed with.
  // Between attempts it waits, up to kConnectBackoffMax.
  io::Task<> connected();

 private:
  struct Answer;
  io::Task<nlohmann::json> exchange(const Request& request);
  io::Task<std::unique_ptr<http::H2Stream>> ask(const Request& request);
  io::Task<Answer> attempt(const Request& request);
  http::HeaderList headers(const Request& request, std::string_view token) const;

  io::Loop& loop_;
  http::H2Channel channel_;
  Token token_;
  ClientOptions options_;
};

// read_objects reads `body` to its end. Fails with `closed` when it ends within an object, and as
// the cutter and the stream do.
io::Task<> read_objects(io::Loop& loop, http::H2Stream& body, JsonCutter& into);

}  // namespace culvert::kube
