// gRPC over HTTP/2: unary and streaming calls, as client and server, of messages that are bytes
// here. No compression, no TLS of its own: the transport is any net::Stream. Source of truth:
// grpc/grpc doc/PROTOCOL-HTTP2.md and doc/statuscodes.md.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "ztunnel/lib/http/h2_channel.h"

namespace culvert::http {

enum class GrpcCode : std::uint8_t {
  ok = 0,
  cancelled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  permission_denied = 7,
  resource_exhausted = 8,
  failed_precondition = 9,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  unauthenticated = 16,
};

struct GrpcStatus {
  GrpcCode code = GrpcCode::ok;
  std::string message;
};

// to_error and to_status are the one table between statuses and errors.
Error to_error(const GrpcStatus& status);
GrpcStatus to_status(const Error& error);

// The largest message taken from a peer unless its limit is given: gRPC's own default is 4 MiB; xDS
// pushes are larger and say so.
inline constexpr std::size_t kGrpcMessageBytesMax = 4 * 1024 * 1024;

// Unary calls of one channel at a time; more wait. Half of what every server takes before its
// SETTINGS, so that streaming calls find room.
inline constexpr std::size_t kGrpcUnaryCallsMax = 50;

// One call, on either side. One sender and one receiver at a time; destroying it early resets it.
class GrpcCall {
 public:
  GrpcCall(std::unique_ptr<H2Stream> stream, H2Role role, std::size_t message_bytes_max);
  GrpcCall(GrpcCall&&) = default;
  ~GrpcCall();

  // request gives the request's headers (metadata among them). Server only.
  const HeaderList& request() const { return stream_->request(); }

  io::Task<> send(std::string message);

  // receive gives the next message, or nothing when the other side has ended. On a client the end
  // is an error unless the status is OK: the table's code, and a context of the peer's message.
  // Fails with `protocol` on broken framing, with `limit` on a message above the limit.
  io::Task<std::optional<std::string>> receive();

  // end_requests says that this client sends no more messages.
  io::Task<> end_requests();

  // finish ends a server's answer. GrpcServer calls it when the method did not.
  io::Task<> finish(GrpcStatus status);
  bool finished() const { return finished_; }

  // status gives what the server ended the call with, once receive() has seen the end. Client only.
  const std::optional<GrpcStatus>& status() const { return status_; }

 private:
  io::Task<std::size_t> read_exactly(MutableBytes into);
  io::Task<> read_response();
  io::Task<> read_end();

  std::unique_ptr<H2Stream> stream_;
  H2Role role_;
  std::size_t message_bytes_max_;
  bool response_seen_ = false;  // client: read; server: sent
  bool finished_ = false;
  std::optional<GrpcStatus> status_;
};

struct GrpcChannelOptions {
  std::string authority = "localhost";
  std::size_t message_bytes_max = kGrpcMessageBytesMax;
  // gRPC servers end a connection whose client PINGs too often (istiod: more than every 15 s), so
  // this is ztunnel's pace towards istiod.
  H2ChannelOptions channel = {.connection = {.ping_interval = std::chrono::seconds(30),
                                             .ping_timeout = std::chrono::seconds(10)}};
};

// GrpcChannel is a client of one server, over an H2Channel. The owner spawns run() and keeps the
// channel until run() and its calls' tasks ended.
class GrpcChannel {
 public:
  using Dial = H2Channel::Dial;

  GrpcChannel(io::Loop& loop, Rng& rng, Dial dial, GrpcChannelOptions options = {});

  // run connects and carries the connection until it is cancelled.
  io::Task<> run() { return channel_.run(); }

  // call starts a call of `path` ("/package.Service/Method"). Fails with `unavailable` and the
  // cause when the server can't be reached; all calls that wait for one connect fail with it at
  // once. Fails with `limit` while the server takes no more streams.
  io::Task<GrpcCall> call(std::string path, HeaderList metadata = {});

  // unary sends one request and gives the one response. Fails with `timed_out` after `deadline`.
  io::Task<std::string> unary(std::string path, HeaderList metadata, std::string request,
                              io::Duration deadline);

  bool connected() const { return channel_.connected(); }

 private:
  io::Task<std::string> exchange(std::string path, HeaderList metadata, std::string request);

  io::Loop& loop_;
  GrpcChannelOptions options_;
  H2Channel channel_;
  std::size_t unary_calls_ = 0;
  io::Event unary_ended_;
};

// GrpcServer answers the calls of any number of connections.
class GrpcServer {
 public:
  // A method gets messages and sends messages; its success is status OK, its failure the table's.
  using Method = std::function<io::Task<>(GrpcCall&)>;

  explicit GrpcServer(std::size_t message_bytes_max = kGrpcMessageBytesMax)
      : message_bytes_max_(message_bytes_max) {}

  // add must come before serve(); what `method` captures must outlive the server.
  void add(std::string path, Method method) { methods_[std::move(path)] = std::move(method); }

  // serve answers the calls of one connection until it ends; unknown paths get UNIMPLEMENTED.
  // Cancelling it resets the calls.
  io::Task<> serve(io::Loop& loop, std::unique_ptr<net::Stream> transport);

 private:
  io::Task<> accept_calls(H2Connection& connection, io::Scope& calls);
  io::Task<> answer(std::unique_ptr<H2Stream> stream);

  std::size_t message_bytes_max_;
  std::map<std::string, Method, std::less<>> methods_;
};

}  // namespace culvert::http
