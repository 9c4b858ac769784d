// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "ztunnel/lib/http/grpc.h"
#include "ztunnel/lib/io/timeout.h"

namespace culvert::http {
namespace {

// Counts a unary call while it runs.
class Running {
 public:
  Running(std::size_t& count, io::Event& changed) : count_(count), changed_(changed) { ++count_; }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    --count_;
    changed_.notify_one();
  }

 private:
  std::size_t& count_;
  io::Event& changed_;
};

}  // namespace

GrpcChannel::GrpcChannel(io::Loop& loop, Rng& rng, Dial dial, GrpcChannelOptions options)
    : loop_(loop),
      options_(std::move(options)),
      channel_(loop, rng, std::move(dial), options_.channel) {}

io::Task<GrpcCall> GrpcChannel::call(std::string path, HeaderList metadata) {
  H2Connection* const connection = co_await channel_.connection();
  if (connection->free_slots() == 0) {
    co_await fail(Errc::limit, path + ": the server takes no more calls at once");
  }
  HeaderList request{{":method", "POST"},        {":scheme", "http"},
                     {":path", std::move(path)}, {":authority", options_.authority},
                     {"te", "trailers"},         {"content-type", "application/grpc"},
                     {"user-agent", "culvert"}};
  std::ranges::move(metadata, std::back_inserter(request));
  // There is a free slot, so this does not suspend: the connection can't end meanwhile.
  auto stream = co_await connection->open(std::move(request));
  co_return GrpcCall(std::move(stream), H2Role::client, options_.message_bytes_max);
}

io::Task<std::string> GrpcChannel::unary(std::string path, HeaderList metadata, std::string request,
                                         io::Duration deadline) {
  std::string what = path;
  co_return co_await io::with_timeout(
      loop_, deadline, std::move(what),
      exchange(std::move(path), std::move(metadata), std::move(request)));
}

io::Task<std::string> GrpcChannel::exchange(std::string path, HeaderList metadata,
                                            std::string request) {
  while (unary_calls_ >= kGrpcUnaryCallsMax) {
    co_await unary_ended_.wait();
  }
  const Running running(unary_calls_, unary_ended_);
  GrpcCall call = co_await this->call(std::move(path), std::move(metadata));
  if (auto sent = co_await io::as_result(call.send(std::move(request))); sent) {
    // A server may answer, with an error above all, before it has read the whole request: then
    // sending fails, and what counts is the answer.
    (void)co_await io::as_result(call.end_requests());
  }
  auto response = co_await call.receive();
  if (!response) {
    co_await fail(Errc::protocol, "the server ended the call without a response", Side::upstream);
  }
  auto more = co_await call.receive();  // an error status may still follow
  if (more) {
    co_await fail(Errc::protocol, "the server sent a second response", Side::upstream);
  }
  co_return std::move(*response);
}

}  // namespace culvert::http
