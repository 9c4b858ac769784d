// The whole proxy, outbound and inbound, on the simulated loop: to its end in many orders, and
// cancelled at every suspension.
// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "tests/sim/world.h"
#include "ztunnel/lib/net/proxy_header.h"

namespace culvert::sim {
namespace {

constexpr std::uint64_t kSeeds = 200;

// Log lines of what is cut on purpose would drown the tests' own.
const auto quiet = obs::setup({.level = "off", .sink = [](std::string_view) {}});

io::Task<std::string> read_all(net::Stream& stream) {
  std::string text;
  std::array<std::uint8_t, 512> buffer{};
  for (;;) {
    const std::size_t count = co_await stream.read_some(buffer);
    if (count == 0) {
      co_return text;
    }
    text += as_text(Bytes(buffer).first(count));
  }
}

io::Task<> write_and_end(net::Stream& stream, const std::string& text) {
  co_await stream.write_all(as_bytes(text));
  co_await stream.shutdown_write();
}

// Plays `act` in a world and closes the world whatever comes.
template <class Act>
Scenario in_world(Act act) {
  return [act](io::SimLoop& loop) {
    return [](io::SimLoop& on, Act play) -> io::Task<> {
      World world(on);
      auto played = co_await as_result(play(world));
      (void)co_await as_result(world.close());
      co_await std::move(played);
    }(loop, act);
  };
}

// The application sends `bytes` early, ends its side, and must get all of it back.
io::Task<> exchange(World& world, std::size_t bytes) {
  std::string sent(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) {
    sent[i] = static_cast<char>(world.client.rng.next());
  }
  const auto application = world.connect();
  io::Scope writing(world.client.context.loop);
  writing.spawn(write_and_end(*application, sent));
  auto received = co_await as_result(read_all(*application));
  if (!received) {
    writing.cancel();
  }
  (void)co_await as_result(writing.join());
  const std::string text = co_await std::move(received);
  if (text != sent) {
    co_await fail(Errc::protocol, "bytes were lost or changed");
  }
}

io::Task<> small_exchange(World& world) {
  co_await exchange(world, 5);
}

io::Task<> large_exchange(World& world) {
  co_await exchange(world, 100'000);
}

// The application echoes, so the header that it got first comes back first.
io::Task<> proxied_exchange(World& world) {
  world.want_proxy();
  const auto application = world.connect();
  co_await write_and_end(*application, "hello");
  const std::string text = co_await read_all(*application);
  const auto parsed = co_await net::parse_proxy_header(as_bytes(text));
  // The source is who opened the tunnel, as Istio has it: its port, too.
  const SocketAddress peer{kClient.ip, kTunnelPort};
  const net::ProxyHeader expected{peer, kServer, "spiffe://cluster.local/ns/demo/sa/client"};
  if (!parsed || parsed->header != expected) {
    co_await fail(Errc::protocol, "the application was not told who calls whom");
  }
  if (text.substr(parsed->bytes) != "hello") {
    co_await fail(Errc::protocol, "bytes were lost or changed behind the header");
  }
}

// Two connections share one tunnel.
io::Task<> two_exchanges(World& world) {
  co_await exchange(world, 100);
  co_await exchange(world, 100);
  if (world.pool.tunnel_count() != 1) {
    co_await fail(Errc::protocol, "the second connection made a tunnel of its own");
  }
}

io::Task<> expect_cut(net::Stream& application) {
  auto text = co_await as_result(read_all(application));
  if (text) {
    co_await fail(Errc::protocol, "the connection ended as if it were complete");
  }
  if (text.error().code != Errc::closed) {
    co_await fail(std::move(text).error());
  }
}

io::Task<> denied_before(World& world) {
  world.deny_client();
  const auto application = world.connect();
  co_await application->write_all(as_bytes("secret"));
  co_await expect_cut(*application);
  if (world.deliveries != 0) {
    co_await fail(Errc::denied, "the application was reached in spite of the policy");
  }
}

io::Task<> denied_meanwhile(World& world) {
  const auto application = world.connect();
  co_await application->write_all(as_bytes("hello"));
  std::array<std::uint8_t, 16> buffer{};
  co_await application->read_some(buffer);
  const auto delivered = world.delivered_bytes;
  world.deny_client();
  auto late = co_await as_result(application->write_all(as_bytes("secret")));
  if (!late && late.error().code != Errc::closed) {
    co_await fail(std::move(late).error());
  }
  co_await expect_cut(*application);
  if (world.delivered_bytes != delivered) {
    co_await fail(Errc::denied, "bytes were delivered after the policy denied them");
  }
}

// A drain lets what is open end in its own time.
io::Task<> drained(World& world) {
  const auto application = world.connect();
  co_await application->write_all(as_bytes("hello"));
  std::array<std::uint8_t, 16> buffer{};
  co_await application->read_some(buffer);
  world.server.context.draining = true;
  world.server.context.drain_began.notify_all();
  co_await world.client.context.loop.sleep(std::chrono::seconds(1));
  co_await application->write_all(as_bytes("again"));
  const auto count = co_await application->read_some(buffer);
  if (as_text(Bytes(buffer).first(count)) != "again") {
    co_await fail(Errc::protocol, "a stream was lost in the drain");
  }
  co_await application->shutdown_write();
  co_await read_all(*application);
}

// A drain, or a pod that goes, cancels a handshake; the peer has done nothing wrong.
io::Task<> handshake_cancelled(World& world) {
  io::Scope tunnels(world.client.context.loop);
  auto peer = net::make_pipe(world.client.context.loop);
  tunnels.spawn(proxy::serve_tunnel(world.server.context, pod("server"),
                                    {std::move(peer[1]), kClient, kTunnel}));
  co_await world.client.context.loop.sleep(std::chrono::seconds(1));
  tunnels.cancel();
  (void)co_await as_result(tunnels.join());
  if (world.server.metrics.expose("").body.contains("istio_tcp_connections_failed_total{")) {
    co_await fail(Errc::protocol, "the cancelled handshake was counted as a failure of the peer");
  }
}

void check(const Report& report) {
  for (const auto& problem : report.problems) {
    CHECK_MESSAGE(false, problem);
  }
  CHECK(report.suspensions > 0);
}

}  // namespace

TEST_CASE("what an application sends early comes back through the tunnel, in any order of events") {
  check(run_to_end(in_world(small_exchange), kSeeds));
  check(run_to_end(in_world(large_exchange), kSeeds / 10));
}

TEST_CASE("an application that wants PROXY is told who calls whom, through its own loopback") {
  check(run_to_end(in_world(proxied_exchange), kSeeds / 10));
  check(cancel_everywhere(in_world(proxied_exchange)));
}

TEST_CASE("two connections of one pair share a tunnel") {
  check(run_to_end(in_world(two_exchanges), kSeeds / 10));
}

TEST_CASE("an outbound and an inbound connection can be cancelled at every suspension") {
  const auto report = cancel_everywhere(in_world(small_exchange));
  check(report);
  MESSAGE("cancelled at each of " << report.suspensions << " suspensions");
}

TEST_CASE("a denied connection is cut before a byte of it reaches the application") {
  check(run_to_end(in_world(denied_before), kSeeds / 10));
  check(cancel_everywhere(in_world(denied_before)));
}

TEST_CASE("a policy that comes later cuts the open connection and delivers nothing more") {
  check(run_to_end(in_world(denied_meanwhile), kSeeds / 10));
  check(cancel_everywhere(in_world(denied_meanwhile)));
}

TEST_CASE("a handshake that we cancelled ourselves is no offence of the peer") {
  check(run_to_end(in_world(handshake_cancelled)));
}

TEST_CASE("a drain lets the open connection end in its own time") {
  check(run_to_end(in_world(drained), kSeeds / 10));
}

}  // namespace culvert::sim
