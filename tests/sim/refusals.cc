// An HBONE server that refuses streams which it never looked at (RFC 9113 §8.7), before the real
// outbound half of the proxy: it allows few streams, goes away, or has no room just now.
// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "tests/sim/node.h"
#include "tests/support/sim.h"
#include "ztunnel/lib/net/pipe_stream.h"
#include "ztunnel/lib/policy/store.h"
#include "ztunnel/lib/tls/stream.h"
#include "ztunnel/proxy/limits.h"
#include "ztunnel/proxy/outbound.h"

namespace culvert::sim {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kOrders = 50;

struct Manners {
  std::uint32_t streams_max = 1024;
  int refusals = 0;            // of the first streams that come, a moment after they came
  int streams_per_tunnel = 0;  // then GOAWAY; 0 is never
};

// A client's node, and a peer with `manners` at the server's tunnel port.
class Peer final : public proxy::Network {
 public:
  Peer(io::Loop& loop, Manners manners)
      : loop_(loop),
        manners_(manners),
        client_(loop, *this),
        pool_(loop, *this, client_.mesh),
        scope_(loop, io::Scope::OnFailure::ignore) {
    static const auto identity = identity_of("client");
    client_.mesh.set_identity(identity->id(), identity);
    const auto a = workload_resource("client", kClient);
    const auto b = workload_resource("server", kServer);
    const std::array<policy::ResourceBytes, 2> added = {
        policy::ResourceBytes{"Kubernetes//Pod/demo/client", as_bytes(a)},
        policy::ResourceBytes{"Kubernetes//Pod/demo/server", as_bytes(b)}};
    CHECK(store_.apply_addresses(added, {}).empty());
    client_.mesh.set_snapshot(store_.snapshot());
  }

  std::unique_ptr<net::Stream> connect() {
    auto ends = net::make_pipe(loop_);
    scope_.spawn(proxy::serve_outbound(client_.context, pool_, pod("client"),
                                       {std::move(ends[1]), kClient, kServer}));
    return std::move(ends[0]);
  }

  io::Task<> close() {
    (void)co_await as_result(pool_.stop());
    scope_.cancel();
    (void)co_await as_result(scope_.join());
  }

  io::Task<proxy::Accepted> accept(proxy::PodPtr, proxy::Role) override {
    co_return fail(Errc::unavailable, "the scenario accepts by itself");
  }
  io::Task<std::unique_ptr<net::Stream>> dial(proxy::PodPtr, SocketAddress, IpAddress) override {
    co_await loop_.sleep(milliseconds(1));
    ++tunnels;
    auto ends = net::make_pipe(loop_);
    scope_.spawn(serve(std::move(ends[1])));
    co_return std::move(ends[0]);
  }
  io::Task<std::unique_ptr<net::Stream>> deliver(proxy::PodPtr, SocketAddress, IpAddress) override {
    co_return fail(Errc::unavailable, "there is no inbound here");
  }

  io::Loop& loop() { return loop_; }

  int tunnels = 0;
  int refused = 0;
  int served = 0;

 private:
  io::Task<> serve(std::unique_ptr<net::Stream> transport) {
    static const auto identity = identity_of("server");
    auto tls = co_await tls::accept_tls(loop_, std::move(transport), identity);
    http::H2Connection h2(loop_, std::move(tls), http::H2Role::server,
                          {.streams_max = manners_.streams_max});
    io::Scope connection(loop_, io::Scope::OnFailure::ignore);
    connection.spawn(h2.run());
    (void)co_await as_result(serve_streams(h2, connection));
    (void)co_await as_result(connection.join());
  }

  io::Task<> serve_streams(http::H2Connection& h2, io::Scope& connection) {
    for (int count = 1;; ++count) {
      auto stream = co_await h2.accept();
      if (stream == nullptr) {
        co_return;
      }
      if (refused < manners_.refusals) {
        ++refused;
        connection.spawn(refuse(std::move(stream)));
      } else {
        ++served;
        connection.spawn(echo(std::move(stream)));
      }
      if (count == manners_.streams_per_tunnel) {
        connection.spawn(h2.drain());
      }
    }
  }

  io::Task<> refuse(std::unique_ptr<http::H2Stream> stream) {
    co_await loop_.sleep(milliseconds(1));  // early bytes are on the way by then
    stream->reset(http::ResetCode::refused_stream);
  }

  static io::Task<> echo(std::unique_ptr<http::H2Stream> stream) {
    co_await stream->respond(200);
    std::array<std::uint8_t, 1024> buffer{};
    while (const std::size_t count = co_await stream->read_some(buffer)) {
      co_await stream->write_all(Bytes(buffer).first(count));
    }
    co_await stream->shutdown_write();
  }

  io::Loop& loop_;
  Manners manners_;
  policy::Store store_;
  Node client_;
  proxy::Pool pool_;
  io::Scope scope_;  // last: what runs in it uses all of the above
};

template <class Act>
Scenario before(Manners manners, Act act) {
  return [manners, act](io::SimLoop& loop) {
    return [](io::SimLoop& on, Manners how, Act play) -> io::Task<> {
      Peer peer(on, how);
      auto played = co_await as_result(play(peer));
      (void)co_await as_result(peer.close());
      co_await std::move(played);
    }(loop, manners, act);
  };
}

io::Task<> write_and_end(net::Stream& stream, const std::string& text) {
  co_await stream.write_all(as_bytes(text));
  co_await stream.shutdown_write();
}

// What comes back of `text` until the end.
io::Task<std::string> echoed(Peer& peer, const std::string& text) {
  const auto application = peer.connect();
  io::Scope writing(peer.loop(), io::Scope::OnFailure::ignore);
  writing.spawn(write_and_end(*application, text));
  std::string received;
  std::array<std::uint8_t, 512> buffer{};
  auto ended = co_await as_result(
      [](net::Stream& stream, MutableBytes into, std::string& all) -> io::Task<> {
        while (const std::size_t count = co_await stream.read_some(into)) {
          all += as_text(Bytes(into).first(count));
        }
      }(*application, buffer, received));
  writing.cancel();
  (void)co_await as_result(writing.join());
  co_await std::move(ended);
  co_return received;
}

io::Task<> exchange(Peer& peer, std::size_t bytes) {
  std::string sent(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) {
    sent[i] = static_cast<char>(i * 2654435761U >> 16U);
  }
  const std::string received = co_await echoed(peer, sent);
  if (received != sent) {
    co_await fail(Errc::protocol, "bytes were lost, changed or said twice");
  }
}

io::Task<> small_exchange(Peer& peer) {
  co_await exchange(peer, 5);
}

io::Task<> large_exchange(Peer& peer) {
  co_await exchange(peer, 3 * proxy::kEarlyBytesMax);
}

// Waves of four: each finds a tunnel that is about to go, or goes meanwhile.
io::Task<> five_waves(Peer& peer) {
  for (int wave = 0; wave < 5; ++wave) {
    io::Scope all(peer.loop());
    for (int i = 0; i < 4; ++i) {
      all.spawn(exchange(peer, 200));
    }
    co_await all.join();
  }
  if (peer.tunnels < 3) {
    co_await fail(Errc::protocol, "the peer did not go away after three streams");
  }
}

io::Task<> expect_reset(Peer& peer) {
  const auto received = co_await as_result(echoed(peer, "hello"));
  if (received || received.error().code != Errc::closed) {
    co_await fail(Errc::protocol, "the application was not reset");
  }
  if (peer.served != 0) {
    co_await fail(Errc::protocol, "a stream was served");
  }
}

// Says a word, and keeps the connection until all others have had their answer too.
io::Task<> hold(Peer& peer, int& answered, int all) {
  const auto application = peer.connect();
  co_await application->write_all(as_bytes("x"));
  std::array<std::uint8_t, 1> buffer{};
  co_await application->read_some(buffer);
  ++answered;
  while (answered < all) {
    co_await peer.loop().sleep(milliseconds(1));
  }
  co_await application->shutdown_write();
  co_await application->read_some(buffer);
}

io::Task<> all_at_once(Peer& peer, int count, int tunnels_min) {
  int answered = 0;
  io::Scope all(peer.loop());
  for (int i = 0; i < count; ++i) {
    all.spawn(hold(peer, answered, count));
  }
  co_await all.join();
  if (peer.tunnels < tunnels_min) {
    co_await fail(Errc::protocol, "more streams were open on a tunnel than the peer allows");
  }
}

// One connection tells what the peer allows, then 20 come at once.
io::Task<> twenty_more(Peer& peer) {
  co_await exchange(peer, 5);
  co_await all_at_once(peer, 20, /* tunnels_min= */ 5);
}

// More than may be opened before the peer has said what it allows.
io::Task<> many_at_first(Peer& peer) {
  co_await all_at_once(peer, http::kStreamsBeforeSettings + 20, /* tunnels_min= */ 3);
}

void check(const Report& report) {
  for (const auto& problem : report.problems) {
    CHECK_MESSAGE(false, problem);
  }
  CHECK(report.suspensions > 0);
}

}  // namespace

TEST_CASE("a stream that the peer refuses unseen is opened again, with all that was said early") {
  const Manners manners{.refusals = proxy::kOpenAttempts - 1};
  check(run_to_end(before(manners, small_exchange), kOrders));
  check(run_to_end(before(manners, large_exchange), kOrders / 2));
  check(cancel_everywhere(before(manners, small_exchange)));
}

TEST_CASE("a stream that is refused again and again ends as a reset") {
  check(run_to_end(before({.refusals = proxy::kOpenAttempts}, expect_reset), kOrders));
}

TEST_CASE("a peer that goes away after every third stream costs nobody a connection") {
  check(run_to_end(before({.streams_per_tunnel = 3}, five_waves), kOrders));
}

TEST_CASE("nobody waits for another's end: a full tunnel gets a neighbour") {
  check(run_to_end(before({.streams_max = 4}, twenty_more), kOrders / 2));
  check(run_to_end(before({.streams_max = 50}, many_at_first), kOrders / 10));
}

TEST_CASE("a peer that allows no streams at all is no endpoint, and nobody waits for it") {
  check(run_to_end(before({.streams_max = 0}, expect_reset), kOrders));
}

}  // namespace culvert::sim
