// Client: requests to one API server over one HTTP/2 connection that all of them share. It knows
// how to ask and what an answer means for the asker; what objects mean is the business of others.
// Source of truth: kubernetes.io/docs/reference/using-api/api-concepts; client-go rest/request.go.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "agent/kube/resource.h"
#include "agent/kube/token.h"
#include "ztunnel/lib/base/rng.h"
#include "ztunnel/lib/http/h2_channel.h"
#include "ztunnel/lib/io/loop.h"

namespace culvert::kube {

// What one request may take in all, its retries included. A write that took longer is better
// decided anew from what is there then.
inline constexpr std::chrono::seconds kRequestDeadline{30};
// An answer that is not streamed is one object; etcd takes none above 1.5 MiB, JSON is larger.
inline constexpr std::size_t kAnswerBytesMax = 8 * 1024 * 1024;
// What is read of the body of an error: a Status is a few hundred bytes.
inline constexpr std::size_t kStatusBytesMax = 16 * 1024;

enum class Verb : std::uint8_t {
  get,
  create,           // POST to a collection
  replace,          // PUT
  merge_patch,      // RFC 7386
  strategic_patch,  // Kubernetes' own; kinds that the API server has built in
  apply,            // server-side apply; the body needs apiVersion and kind
  remove,           // DELETE; the body, if there is one, is DeleteOptions
};

struct Request {
  Verb verb = Verb::get;
  std::string path;          // object_path(…), with "/status" behind it where that is meant
  Query query = {};          // writes get fieldManager=culvert, unless it is here
  nlohmann::json body = {};  // null for none
  io::Duration deadline = kRequestDeadline;
};

struct ClientOptions {
  std::string authority = "kubernetes";  // ":authority": "10.96.0.1:443"
  std::string base_path = {};            // of a server behind a path: "/k8s/clusters/c-1"
  http::H2ChannelOptions channel = {};
};

class Client {
 public:
  // `dial` connects (make_dial in connect.h); `token` may be empty where a client certificate says
  // who we are.
  Client(io::Loop& loop, Rng& rng, http::H2Channel::Dial dial, Token token,
         ClientOptions options = {});

  // run keeps the connection. The owner spawns it, and keeps the client until it and all other
  // tasks of it have ended.
  io::Task<> run();

  // call sends one request and gives the object of the answer. After a 401 it reads the token anew
  // and tries once more; after 429 or 5xx with Retry-After it waits as long and tries again, while
  // the deadline allows that. Fails with `timed_out`; with `unavailable` when the server can't be
  // reached; with an answer's error as http_status() has it. The context holds the request, the
  // status and the server's words.
  io::Task<nlohmann::json> call(Request request);

  // stream sends a GET and gives the body of the answer, to be read to its end. Fails as call does;
  // the deadline counts until the answer begins.
  io::Task<std::unique_ptr<http::H2Stream>> stream(std::string path, Query query);

  // connected waits until there is a connection; fails with what the next attempt failed with.
  // Between attempts the client waits, up to 30 s.
  io::Task<> connected();

 private:
  io::Loop& loop_;
  http::H2Channel channel_;
  Token token_;
  ClientOptions options_;
};

// http_status gives the status with which the API server refused (409, 404, …), or 0 when `error`
// is no answer of its. The code says it more coarsely: 401 and 403 are `denied`, 404 and 410
// `not_found`, 429 and 5xx `unavailable`, all else `config`.
int http_status(const Error& error);

}  // namespace culvert::kube
