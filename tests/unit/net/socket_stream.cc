// Socket streams and TCP connects, on every backend of the loop.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/net/socket_stream.h"

#include <netinet/tcp.h>

#include "tests/unit/net/tcp_pair.h"
#include "ztunnel/lib/io/timeout.h"

namespace culvert::net {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a stream carries many bytes in both directions and ends each by itself") {
  for_each_backend([](io::Loop& loop) {
    TcpPair pair = tcp_pair(loop);
    const std::string up = pattern(1'000'000);
    const std::string down = pattern(300'000);
    io::Scope scope(loop);
    scope.spawn([](Stream& s, std::string text, const std::string& answer) -> io::Task<> {
      co_await write_text(s, std::move(text));
      co_await s.shutdown_write();
      CHECK(co_await read_all(s) == answer);
    }(*pair.client, up, down));
    CHECK(*block_on(loop, read_all(*pair.server)) == up);
    // The client's direction has ended; the server's still works.
    CHECK(block_on(loop, write_text(*pair.server, down)));
    CHECK(
        block_on(loop, [](Stream& s) -> io::Task<> { co_await s.shutdown_write(); }(*pair.server)));
    CHECK(block_on(loop, join(scope)));
  });
}

TEST_CASE("a reset reaches the peer as closed, at once, though the stream lives on") {
  for_each_backend([](io::Loop& loop) {
    TcpPair pair = tcp_pair(loop);
    pair.client->reset();
    pair.client->reset();  // harmless
    CHECK(code_of(block_on(loop, read_all(*pair.server))) == Errc::closed);
    CHECK(code_of(block_on(loop, read_all(*pair.client))) == Errc::closed);
    CHECK(code_of(block_on(loop, write_text(*pair.client, "x"))) == Errc::closed);
  });
}

TEST_CASE("a reset ends a read and a write that wait, with closed") {
  for_each_backend([](io::Loop& loop) {
    TcpPair pair = tcp_pair(loop);
    std::optional<Errc> read;
    std::optional<Errc> write;
    io::Scope scope(loop);
    scope.spawn([](Stream& s, std::optional<Errc>& code) -> io::Task<> {
      code = code_of(co_await as_result(read_all(s)));
    }(*pair.client, read));
    scope.spawn([](Stream& s, std::optional<Errc>& code) -> io::Task<> {
      code = code_of(co_await as_result(write_text(s, std::string(20'000'000, 'x'))));
    }(*pair.client, write));
    for (int i = 0; i < 20; ++i) {
      loop.turn(1ms);
    }
    CHECK(scope.size() == 2);
    pair.client->reset();
    CHECK(block_on(loop, io::with_timeout(loop, 5s, "both end", join(scope))));
    CHECK(read == Errc::closed);
    CHECK(write == Errc::closed);
    CHECK(code_of(block_on(loop, read_all(*pair.server))) == Errc::closed);
  });
}

TEST_CASE("a destroyed stream is an end for the peer, not a reset") {
  for_each_backend([](io::Loop& loop) {
    TcpPair pair = tcp_pair(loop);
    CHECK(block_on(loop, write_text(*pair.client, "bye")));
    pair.client.reset();
    CHECK(*block_on(loop, read_all(*pair.server)) == "bye");
  });
}

TEST_CASE(
    "whoever does not read can ask whether the stream is broken; unread bytes and ends are not") {
  for_each_backend([](io::Loop& loop) {
    TcpPair pair = tcp_pair(loop);
    CHECK_FALSE(pair.server->broken());
    CHECK(block_on(loop, write_text(*pair.client, "unread")));
    CHECK(block_on(loop, pair.server->shutdown_write()));
    CHECK(block_on(loop, pair.client->shutdown_write()));
    CHECK_FALSE(pair.server->broken());  // both have ended, and nobody was cut
    pair.client->reset();
    CHECK(pair.client->broken());

    TcpPair cut = tcp_pair(loop);
    CHECK(block_on(loop, write_text(*cut.client, "unread")));
    cut.client->reset();
    CHECK(cut.server->broken());
  });
}

TEST_CASE("readable waits for bytes and takes none") {
  for_each_backend([](io::Loop& loop) {
    TcpPair pair = tcp_pair(loop);
    CHECK(code_of(block_on(loop, io::with_timeout(loop, 2ms, "x", pair.server->readable()))) ==
          Errc::timed_out);
    CHECK(block_on(loop, write_text(*pair.client, "abc")));
    CHECK(block_on(loop, pair.server->readable()));
    CHECK(*block_on(loop, read_exactly(*pair.server, 3)) == "abc");
  });
}

TEST_CASE("connections have NODELAY and keepalive, and know their addresses") {
  for_each_backend([](io::Loop& loop) {
    const TcpPair pair = tcp_pair(loop);
    CHECK(*pair.client->local_address() == *pair.server->peer_address());
    CHECK(*pair.client->peer_address() == *pair.server->local_address());
    for (const int fd : {pair.client->fd(), pair.server->fd()}) {
      const auto option = [fd](int level, int name) {
        int value = 0;
        socklen_t bytes = sizeof(value);
        CHECK(::getsockopt(fd, level, name, &value, &bytes) == 0);
        return value;
      };
      CHECK(option(IPPROTO_TCP, TCP_NODELAY) == 1);
      CHECK(option(SOL_SOCKET, SO_KEEPALIVE) == 1);
      CHECK(option(IPPROTO_TCP, TCP_KEEPIDLE) == kKeepaliveIdle.count());
      CHECK(option(IPPROTO_TCP, TCP_KEEPCNT) == kKeepaliveProbes);
    }
  });
}

TEST_CASE("a connect takes its source address and a port of the range that it was given") {
  for_each_backend([](io::Loop& loop) {
    const auto listener = listen_tcp({.at = {IpAddress::loopback_v4(), 0}});
    REQUIRE(listener);
    const SocketAddress to = *local_address(listener->get());
    const IpAddress source = *IpAddress::parse("127.0.0.77");
    std::vector<std::unique_ptr<SocketStream>> open;
    for (int i = 0; i < 8; ++i) {  // each port of the range once, whichever comes first
      auto stream = block_on(
          loop,
          connect_tcp(loop, {.to = to, .source = source, .source_ports = PortRange{20000, 20007}}));
      REQUIRE(stream);
      const SocketAddress from = *(*stream)->local_address();
      CHECK(from.ip == source);
      CHECK(from.port >= 20000);
      CHECK(from.port <= 20007);
      open.push_back(std::move(*stream));
    }
    const auto none = block_on(
        loop,
        connect_tcp(loop, {.to = to, .source = source, .source_ports = PortRange{20000, 20007}}));
    CHECK(code_of(none) == Errc::limit);
    // Another destination may have the same ports.
    const auto other = listen_tcp({.at = {IpAddress::loopback_v4(), 0}});
    CHECK(block_on(loop, connect_tcp(loop, {.to = *local_address(other->get()),
                                            .source = source,
                                            .source_ports = PortRange{20000, 20007}})));
  });
}

TEST_CASE("a failed connect names the destination and its cause") {
  for_each_backend([](io::Loop& loop) {
    SocketAddress to;
    {
      const auto listener = listen_tcp({.at = {IpAddress::loopback_v4(), 0}});
      to = *local_address(listener->get());
    }
    const auto refused = block_on(loop, connect_tcp(loop, {.to = to}));
    REQUIRE(!refused);
    CHECK(refused.error().code == Errc::unavailable);
    CHECK(to_string(refused.error()) == "connect " + to_string(to) + ": Connection refused");

    const auto mixed =
        block_on(loop, connect_tcp(loop, {.to = to, .source = IpAddress::loopback_v6()}));
    CHECK(code_of(mixed) == Errc::config);
    const auto device = block_on(loop, connect_tcp(loop, {.to = to, .bind_device = "nosuchdev"}));
    REQUIRE(!device);
    CHECK(to_string(device.error()).find("nosuchdev") != std::string::npos);
  });
}

TEST_CASE("a connect that nobody answers ends at its deadline") {
  for_each_backend([](io::Loop& loop) {
    // A full accept queue drops the SYN.
    const auto listener = listen_tcp({.at = {IpAddress::loopback_v4(), 0}, .backlog = 0});
    const SocketAddress to = *local_address(listener->get());
    std::vector<std::unique_ptr<SocketStream>> queue;
    Result<std::unique_ptr<SocketStream>> last = fail(Errc::io, "");
    for (int i = 0; i < 4; ++i) {
      last = block_on(loop, connect_tcp(loop, {.to = to, .timeout = 20ms}));
      if (!last) {
        break;
      }
      queue.push_back(std::move(*last));
    }
    CHECK(code_of(last) == Errc::timed_out);
    CHECK(to_string(last.error()) == "connect " + to_string(to) + ": timed out after 20 ms");
  });
}

TEST_CASE("a port in use is told in one sentence with the next step") {
  const auto first = listen_tcp({.at = {IpAddress::loopback_v4(), 0}});
  const auto second = listen_tcp({.at = *local_address(first->get())});
  REQUIRE(!second);
  CHECK(second.error().code == Errc::config);
  CHECK(to_string(second.error()).find("is in use; stop the process") != std::string::npos);
}

TEST_CASE("a listener on [::] takes IPv4 and shows its plain address") {
  for_each_backend([](io::Loop& loop) {
    const auto listener = listen_tcp({.at = {IpAddress(), 0}});
    REQUIRE(listener);
    const SocketAddress to{IpAddress::loopback_v4(), local_address(listener->get())->port};
    auto client = block_on(loop, connect_tcp(loop, {.to = to}));
    REQUIRE(client);
    auto server = block_on(loop, accept_tcp(loop, listener->get()));
    REQUIRE(server);
    CHECK(*(*server)->local_address() == to);
    CHECK((*server)->peer_address()->ip == IpAddress::loopback_v4());
  });
}

}  // namespace
}  // namespace culvert::net
