// A node that can't accept: no descriptor is free (z#1631 of github.com/istio/ztunnel, a busy
// loop).
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <utility>

#include "tests/sim/node.h"
#include "tests/support/sim.h"
#include "ztunnel/lib/net/pipe_stream.h"
#include "ztunnel/proxy/limits.h"
#include "ztunnel/proxy/pod_proxy.h"

namespace culvert::sim {

namespace {

constexpr int kRoles = 3;  // each has a listener

// Fails to accept for `trouble`, then hands out one connection, then has none.
class Exhausted final : public proxy::Network {
 public:
  Exhausted(io::Loop& loop, io::Duration trouble) : loop_(loop), until_(loop.now() + trouble) {}

  io::Task<proxy::Accepted> accept(proxy::PodPtr, proxy::Role role) override {
    if (loop_.now() < until_) {
      ++attempts;
      co_return fail(Errc::limit, "accept: Too many open files");
    }
    if (role == proxy::Role::outbound && !std::exchange(handed_out_, true)) {
      auto ends = net::make_pipe(loop_);
      application = std::move(ends[0]);
      co_return proxy::Accepted{std::move(ends[1]), kClient, kServer};
    }
    co_await loop_.sleep(std::chrono::hours(1));
    co_return fail(Errc::cancelled, "nobody comes any more");
  }
  io::Task<std::unique_ptr<net::Stream>> dial(proxy::PodPtr, SocketAddress, IpAddress) override {
    co_return fail(Errc::unavailable, "nobody is there");
  }
  io::Task<std::unique_ptr<net::Stream>> deliver(proxy::PodPtr, SocketAddress, IpAddress) override {
    co_return fail(Errc::unavailable, "nobody is there");
  }

  int attempts = 0;
  std::unique_ptr<net::Stream> application;

 private:
  io::Loop& loop_;
  io::TimePoint until_;
  bool handed_out_ = false;
};

}  // namespace

TEST_CASE(
    "a node without descriptors tries to accept at a calm pace, and serves when it has some") {
  run_to_end([](io::SimLoop& loop) -> io::Task<> {
    constexpr auto kTrouble = std::chrono::seconds(10);
    Exhausted network(loop, kTrouble);
    Node node(loop, network);
    proxy::PodProxy proxy(node.context, pod("client"));
    co_await loop.sleep(kTrouble + proxy::kAcceptBackoff + std::chrono::milliseconds(1));
    const auto calm = kTrouble / proxy::kAcceptBackoff;
    CHECK(network.attempts >= kRoles * (calm - 1));
    CHECK(network.attempts <= kRoles * (calm + 1));
    CHECK(network.application != nullptr);  // taken, and carried by the outbound side
    co_await proxy.stop();
  });
}

}  // namespace culvert::sim
