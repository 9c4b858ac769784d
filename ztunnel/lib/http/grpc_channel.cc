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
    : loop_(loop), rng_(rng), dial_(std::move(dial)), options_(std::move(options)) {}

io::Task<> GrpcChannel::run() {
  for (;;) {
    while (!wanted_) {
      co_await wanted_event_.wait();
    }
    co_await connect_and_serve();
  }
}

io::Task<> GrpcChannel::connect_and_serve() {
  auto transport = co_await io::as_result(io::with_timeout(
      loop_, options_.connect_timeout, "connect to " + options_.authority, dial_()));
  wanted_ = false;
  if (!transport) {
    failure_ = std::move(transport).error();
    ++failures_;
    changed_.notify_all();
    const io::Duration doubled = std::max(options_.backoff_first, backoff_ * 2);
    backoff_ = std::min(doubled, options_.backoff_max);
    if (backoff_ > io::Duration::zero()) {
      // Between half of it and all of it, so that the nodes of a cluster don't come in step.
      const auto half = static_cast<std::uint64_t>(backoff_.count()) / 2;
      co_await loop_.sleep(io::Duration(half + rng_.below(half + 1)));
    }
    co_return;
  }
  backoff_ = {};
  H2Connection connection(loop_, std::move(*transport), H2Role::client, options_.connection);
  const Shown shown(*this, connection);
  (void)co_await io::as_result(connection.run());  // its calls have failed with the cause
}

GrpcChannel::Shown::Shown(GrpcChannel& channel, H2Connection& connection) : channel_(channel) {
  channel_.connection_ = &connection;
  channel_.changed_.notify_all();
}

GrpcChannel::Shown::~Shown() {
  channel_.connection_ = nullptr;
  channel_.changed_.notify_all();
}

io::Task<> GrpcChannel::await_connection() {
  const std::uint64_t before = failures_;
  while (connection_ == nullptr || !connection_->takes_streams()) {
    if (failures_ != before) {
      co_await fail(Errc::unavailable, to_string(*failure_), Side::upstream);
    }
    wanted_ = true;
    wanted_event_.notify_all();
    co_await changed_.wait();
  }
}

io::Task<GrpcCall> GrpcChannel::call(std::string path, HeaderList metadata) {
  co_await await_connection();
  if (connection_->free_slots() == 0) {
    co_await fail(Errc::limit, path + ": the server takes no more calls at once");
  }
  HeaderList request{{":method", "POST"},        {":scheme", "http"},
                     {":path", std::move(path)}, {":authority", options_.authority},
                     {"te", "trailers"},         {"content-type", "application/grpc"},
                     {"user-agent", "culvert"}};
  std::ranges::move(metadata, std::back_inserter(request));
  // There is a free slot, so this does not suspend: the connection can't end meanwhile.
  auto stream = co_await connection_->open(std::move(request));
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
