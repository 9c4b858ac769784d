// What every backend has to do for each operation.
// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <string>
#include <vector>

#include "tests/unit/io/backends.h"
#include "ztunnel/lib/io/timeout.h"

namespace culvert::io {
namespace {

using namespace std::chrono_literals;

Task<> send_text(Loop& loop, int fd, std::string text) {
  Bytes rest = as_bytes(text);
  while (!rest.empty()) {
    rest = rest.subspan(co_await loop.send(fd, rest));
  }
}

Task<std::string> recv_text(Loop& loop, int fd, std::size_t bytes_max) {
  std::string text(bytes_max, '\0');
  const std::size_t count =
      co_await loop.recv(fd, {reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  text.resize(count);
  co_return text;
}

TEST_CASE("recv gives what is there, waits when nothing is, and gives 0 at the end") {
  for_each_backend([](Loop& loop) {
    auto [a, b] = socket_pair();
    CHECK(block_on(loop, send_text(loop, a.get(), "abc")));
    CHECK(*block_on(loop, recv_text(loop, b.get(), 2)) == "ab");
    CHECK(*block_on(loop, recv_text(loop, b.get(), 64)) == "c");
    Scope scope(loop);
    scope.spawn([](Loop& l, int fd) -> Task<> {
      co_await l.sleep(1ms);
      co_await send_text(l, fd, "late");
    }(loop, a.get()));
    CHECK(*block_on(loop, recv_text(loop, b.get(), 64)) == "late");
    ::shutdown(a.get(), SHUT_WR);
    CHECK(block_on(loop, recv_text(loop, b.get(), 64))->empty());
    CHECK(scope.empty());
  });
}

TEST_CASE("send is short or waits when the peer does not read, and nothing is lost or doubled") {
  for_each_backend([](Loop& loop) {
    auto [a, b] = socket_pair();
    constexpr std::size_t kBytes = 3'000'000;  // many times a socket buffer
    std::string text(kBytes, ' ');
    for (std::size_t i = 0; i < kBytes; ++i) {
      text[i] = static_cast<char>(i * 31 % 251);
    }
    Scope scope(loop);
    scope.spawn(send_text(loop, a.get(), text));
    const auto received = block_on(loop, [](Loop& l, int fd) -> Task<std::string> {
      std::string all;
      while (all.size() < kBytes) {
        all += co_await recv_text(l, fd, 10'007);
      }
      co_return all;
    }(loop, b.get()));
    CHECK(*received == text);
    CHECK(block_on(loop, [](Scope& s) -> Task<> { co_await s.join(); }(scope)));
  });
}

TEST_CASE("send to a peer that is gone fails with closed and raises no signal") {
  for_each_backend([](Loop& loop) {
    auto [a, b] = socket_pair();
    b.reset();
    CHECK(code_of(block_on(loop, send_text(loop, a.get(), "x"))) == Errc::closed);
  });
}

Task<> connect_to(Loop& loop, int fd, SocketAddress to) {
  co_await loop.connect(fd, to);
}

Task<Fd> accept_from(Loop& loop, int fd) {
  co_return co_await loop.accept(fd);
}

TEST_CASE("accept and connect meet, on blocking and non-blocking listeners, whoever comes first") {
  for_each_backend([](Loop& loop) {
    for (const int flags : {0, static_cast<int>(SOCK_NONBLOCK)}) {
      const Listener listener = loopback_listener(flags);
      const Fd client = tcp_socket();
      Scope scope(loop);
      scope.spawn(connect_to(loop, client.get(), listener.address));
      auto server = block_on(loop, accept_from(loop, listener.fd.get()));
      REQUIRE(server);
      CHECK(block_on(loop, [](Scope& s) -> Task<> { co_await s.join(); }(scope)));
      CHECK(block_on(loop, send_text(loop, client.get(), "hello")));
      CHECK(*block_on(loop, recv_text(loop, server->get(), 64)) == "hello");

      const Fd second = tcp_socket();
      Scope early(loop);
      early.spawn(
          [](Loop& l, int fd) -> Task<> { co_await accept_from(l, fd); }(loop, listener.fd.get()));
      loop.turn(1ms);  // the accept waits before anyone connects
      CHECK(block_on(loop, connect_to(loop, second.get(), listener.address)));
      CHECK(block_on(loop, [](Scope& s) -> Task<> { co_await s.join(); }(early)));
    }
  });
}

TEST_CASE("connect to a closed port fails with unavailable") {
  for_each_backend([](Loop& loop) {
    SocketAddress nobody;
    {
      const Listener listener = loopback_listener();
      nobody = listener.address;
    }
    const Fd client = tcp_socket();
    CHECK(code_of(block_on(loop, connect_to(loop, client.get(), nobody))) == Errc::unavailable);
  });
}

TEST_CASE("a reset by the peer is closed, not the end of the stream") {
  for_each_backend([](Loop& loop) {
    const Listener listener = loopback_listener();
    Fd client = tcp_socket();
    CHECK(block_on(loop, connect_to(loop, client.get(), listener.address)));
    const auto server = block_on(loop, accept_from(loop, listener.fd.get()));
    const linger abort{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
    client.reset();
    CHECK(code_of(block_on(loop, recv_text(loop, server->get(), 64))) == Errc::closed);
  });
}

TEST_CASE("readable and writable tell readiness and take nothing") {
  for_each_backend([](Loop& loop) {
    auto [a, b] = socket_pair();
    CHECK(
        block_on(loop, [](Loop& l, int fd) -> Task<> { co_await l.writable(fd); }(loop, a.get())));
    const auto not_yet =
        block_on(loop, with_timeout(loop, 2ms, "poll", [](Loop& l, int fd) -> Task<> {
                   co_await l.readable(fd);
                 }(loop, b.get())));
    CHECK(code_of(not_yet) == Errc::timed_out);
    CHECK(block_on(loop, send_text(loop, a.get(), "x")));
    CHECK(
        block_on(loop, [](Loop& l, int fd) -> Task<> { co_await l.readable(fd); }(loop, b.get())));
    CHECK(*block_on(loop, recv_text(loop, b.get(), 8)) == "x");
    a.reset();  // the end is readable too
    CHECK(
        block_on(loop, [](Loop& l, int fd) -> Task<> { co_await l.readable(fd); }(loop, b.get())));
  });
}

TEST_CASE("reading and writing wait on one descriptor at the same time") {
  for_each_backend([](Loop& loop) {
    auto [a, b] = socket_pair();
    const std::string big(2'000'000, 'w');
    Scope scope(loop);
    scope.spawn(send_text(loop, a.get(), big));  // waits: b does not read yet
    scope.spawn([](Loop& l, int fd) -> Task<> { CHECK(co_await recv_text(l, fd, 8) == "pong"); }(
                                        loop, a.get()));
    loop.turn(1ms);
    loop.turn(1ms);
    CHECK(block_on(loop, send_text(loop, b.get(), "pong")));
    std::size_t count = 0;
    while (count < big.size()) {
      count += block_on(loop, recv_text(loop, b.get(), 65536))->size();
    }
    CHECK(block_on(loop, [](Scope& s) -> Task<> { co_await s.join(); }(scope)));
  });
}

TEST_CASE("an operation on a bad descriptor fails and names the operation") {
  for_each_backend([](Loop& loop) {
    const auto result = block_on(loop, recv_text(loop, -1, 8));
    REQUIRE(!result);
    CHECK(result.error().code == Errc::io);
    CHECK(result.error().sys == EBADF);
    CHECK(to_string(result.error()).starts_with("recv: "));
    CHECK(code_of(block_on(loop, accept_from(loop, -1))) == Errc::io);
    CHECK(code_of(block_on(loop, [](Loop& l) -> Task<> { co_await l.readable(-1); }(loop))) ==
          Errc::io);
  });
}

TEST_CASE("two thousand receives wait at once and each gets its own bytes") {
  for_each_backend([](Loop& loop) {
    constexpr int kPairs = 2000;  // more than the submission queue holds
    std::vector<Sockets> pairs;
    for (int i = 0; i < kPairs; ++i) {
      pairs.push_back(socket_pair());
    }
    Scope scope(loop);
    int right = 0;
    for (int i = 0; i < kPairs; ++i) {
      scope.spawn([](Loop& l, int fd, int index, int& count) -> Task<> {
        count += co_await recv_text(l, fd, 16) == std::to_string(index) ? 1 : 0;
      }(loop, pairs[static_cast<std::size_t>(i)].b.get(), i, right));
    }
    loop.turn(1ms);
    for (int i = 0; i < kPairs; ++i) {
      const std::string text = std::to_string(i);
      ::send(pairs[static_cast<std::size_t>(i)].a.get(), text.data(), text.size(), MSG_NOSIGNAL);
    }
    CHECK(block_on(loop, [](Scope& s) -> Task<> { co_await s.join(); }(scope)));
    CHECK(right == kPairs);
  });
}

TEST_CASE("two loops wait on one listener and every connection is accepted once") {
  for (const Backend backend : {Backend::uring, Backend::epoll}) {
    auto first = make_loop(backend);
    auto second = make_loop(backend);
    if (!first || !second) {
      continue;  // said by the other cases
    }
    const Listener listener = loopback_listener();
    int accepted = 0;
    const auto take = [](Loop& l, int fd, int& count) -> Task<> {
      while (true) {
        const Fd client = co_await l.accept(fd);
        ++count;
      }
    };
    Scope one(**first);
    Scope two(**second);
    one.spawn(take(**first, listener.fd.get(), accepted));
    two.spawn(take(**second, listener.fd.get(), accepted));
    (*first)->turn(1ms);
    (*second)->turn(1ms);
    std::vector<Fd> clients;
    sockaddr_storage storage{};
    const socklen_t bytes = listener.address.to_sockaddr(storage);
    for (int i = 0; i < 20; ++i) {
      clients.push_back(tcp_socket());
      CHECK(::connect(clients.back().get(), reinterpret_cast<sockaddr*>(&storage), bytes) == 0);
    }
    for (int i = 0; i < 200 && accepted < 20; ++i) {
      (*first)->turn(1ms);
      (*second)->turn(1ms);
    }
    CHECK(accepted == 20);
    one.cancel();
    two.cancel();
    CHECK(block_on(**first, [](Scope& s) -> Task<> { co_await s.join(); }(one)));
    CHECK(block_on(**second, [](Scope& s) -> Task<> { co_await s.join(); }(two)));
  }
}

}  // namespace
}  // namespace culvert::io
