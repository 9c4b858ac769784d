// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/http/h2_channel.h"

#include <algorithm>

#include "ztunnel/lib/io/timeout.h"

namespace culvert::http {

H2Channel::H2Channel(io::Loop& loop, Rng& rng, Dial dial, H2ChannelOptions options)
    : loop_(loop), rng_(rng), dial_(std::move(dial)), options_(std::move(options)) {}

io::Task<> H2Channel::run() {
  io::Scope connections(loop_, io::Scope::OnFailure::ignore);
  auto ended = co_await io::as_result(connect_for_ever(connections));
  connections.cancel();
  (void)co_await io::as_result(connections.join());
  co_await std::move(ended);
}

io::Task<> H2Channel::connect_for_ever(io::Scope& connections) {
  for (;;) {
    while (!wanted_) {
      co_await wanted_event_.wait();
    }
    auto transport = co_await io::as_result(
        io::with_timeout(loop_, options_.connect_timeout, "connect to " + options_.peer, dial_()));
    wanted_ = false;
    if (!transport) {
      co_await back_off(std::move(transport).error());
      continue;
    }
    backoff_ = {};
    // Shown before anybody else runs: who came now would want another one.
    auto connection = std::make_unique<H2Connection>(loop_, std::move(*transport), H2Role::client,
                                                     options_.connection);
    current_ = connection.get();
    connections.spawn(carry(std::move(connection)));
    changed_.notify_all();
  }
}

io::Task<> H2Channel::back_off(Error failure) {
  failure_ = std::move(failure);
  ++failures_;
  changed_.notify_all();
  backoff_ = std::min(std::max(options_.backoff_first, backoff_ * 2), options_.backoff_max);
  if (backoff_ > io::Duration::zero()) {
    // Between half of it and all of it, so that the nodes of a cluster don't come in step.
    const auto half = static_cast<std::uint64_t>(backoff_.count()) / 2;
    co_await loop_.sleep(io::Duration(half + rng_.below(half + 1)));
  }
}

namespace {

// Takes a connection out of sight when it has ended, unless another one has its place already.
class Shown {
 public:
  Shown(H2Connection*& current, const H2Connection& shown, io::Event& changed)
      : current_(current), shown_(shown), changed_(changed) {}
  Shown(const Shown&) = delete;
  Shown& operator=(const Shown&) = delete;
  ~Shown() {
    if (current_ == &shown_) {
      current_ = nullptr;
    }
    changed_.notify_all();
  }

 private:
  H2Connection*& current_;
  const H2Connection& shown_;
  io::Event& changed_;
};

}  // namespace

io::Task<> H2Channel::carry(std::unique_ptr<H2Connection> connection) {
  const Shown shown(current_, *connection, changed_);
  (void)co_await io::as_result(connection->run());  // its streams have failed with the cause
}

io::Task<H2Connection*> H2Channel::connection() {
  const std::uint64_t before = failures_;
  while (current_ == nullptr || !current_->takes_streams()) {
    if (failures_ != before) {
      co_await fail(Errc::unavailable, to_string(*failure_), Side::upstream);
    }
    wanted_ = true;
    wanted_event_.notify_all();
    co_await changed_.wait();
  }
  co_return current_;
}

}  // namespace culvert::http
