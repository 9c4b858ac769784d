// What every backend has to do when an operation is given up: ask, wait, and lose nothing that came
// first.
// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "tests/unit/io/backends.h"

namespace culvert::io {
namespace {

using namespace std::chrono_literals;

enum class Outcome : std::uint8_t { none, done, cancelled, other };

// Runs one leaf and notes how it ended.
template <class L>
Task<> note(L (*make)(Loop&, int, MutableBytes), Loop& loop, int fd, Outcome& outcome) {
  std::array<std::uint8_t, 64> bytes{};
  auto result = co_await as_result(make(loop, fd, bytes));
  outcome = result                                   ? Outcome::done
            : result.error().code == Errc::cancelled ? Outcome::cancelled
                                                     : Outcome::other;
}

Result<> join(Loop& loop, Scope& scope) {
  return block_on(loop, [](Scope& s) -> Task<> { co_await s.join(); }(scope));
}

template <class L>
void check_cancelled(Loop& loop, int fd, L (*make)(Loop&, int, MutableBytes)) {
  Outcome waiting = Outcome::none;
  Outcome unstarted = Outcome::none;
  {
    Scope scope(loop);
    scope.spawn(note<L>(make, loop, fd, waiting));
    loop.turn(1ms);
    loop.turn(1ms);  // submitted and waiting
    CHECK(waiting == Outcome::none);
    scope.cancel();
    scope.cancel();  // harmless
    CHECK(join(loop, scope));
  }
  CHECK(waiting == Outcome::cancelled);
  {
    Scope scope(loop);
    scope.spawn(note<L>(make, loop, fd, unstarted));
    loop.turn(0ms);  // queued, perhaps not yet given to the kernel
    scope.cancel();
    CHECK(join(loop, scope));
  }
  CHECK(unstarted == Outcome::cancelled);
}

TEST_CASE(
    "a waiting recv, readable, accept or sleep ends with cancelled when its scope is cancelled") {
  for_each_backend([](Loop& loop) {
    auto [a, b] = socket_pair();
    const Listener listener = loopback_listener();
    check_cancelled<RecvOp>(loop, a.get(),
                            [](Loop& l, int fd, MutableBytes into) { return l.recv(fd, into); });
    check_cancelled<PollOp>(loop, a.get(),
                            [](Loop& l, int fd, MutableBytes) { return l.readable(fd); });
    check_cancelled<AcceptOp>(loop, listener.fd.get(),
                              [](Loop& l, int fd, MutableBytes) { return l.accept(fd); });
    check_cancelled<SleepLeaf>(loop, -1, [](Loop& l, int, MutableBytes) { return l.sleep(24h); });
  });
}

TEST_CASE("a waiting send or writable ends with cancelled when its scope is cancelled") {
  for_each_backend([](Loop& loop) {
    auto [a, b] = socket_pair();
    const std::string block(65536, 'x');
    while (::send(a.get(), block.data(), block.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
    check_cancelled<SendOp>(loop, a.get(),
                            [](Loop& l, int fd, MutableBytes from) { return l.send(fd, from); });
    check_cancelled<PollOp>(loop, a.get(),
                            [](Loop& l, int fd, MutableBytes) { return l.writable(fd); });
  });
}

TEST_CASE("a waiting connect ends with cancelled when its scope is cancelled") {
  for_each_backend([](Loop& loop) {
    // A listener that nobody accepts from, with its queue full, leaves the SYN unanswered.
    Fd full(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_storage storage{};
    socklen_t bytes = SocketAddress{IpAddress::loopback_v4(), 0}.to_sockaddr(storage);
    auto* address = reinterpret_cast<sockaddr*>(&storage);
    REQUIRE(::bind(full.get(), address, bytes) == 0);
    REQUIRE(::listen(full.get(), 0) == 0);
    REQUIRE(::getsockname(full.get(), address, &bytes) == 0);
    std::vector<Fd> queue;
    for (int i = 0; i < 3; ++i) {
      queue.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      (void)::connect(queue.back().get(), address, bytes);
    }
    const Fd client = tcp_socket();
    Outcome outcome = Outcome::none;
    Scope scope(loop);
    scope.spawn([](Loop& l, int fd, SocketAddress to, Outcome& out) -> Task<> {
      auto result = co_await as_result(l.connect(fd, to));
      out = result                                   ? Outcome::done
            : result.error().code == Errc::cancelled ? Outcome::cancelled
                                                     : Outcome::other;
    }(loop, client.get(), *SocketAddress::from_sockaddr(storage), outcome));
    loop.turn(1ms);
    loop.turn(1ms);
    CHECK(outcome == Outcome::none);
    scope.cancel();
    CHECK(join(loop, scope));
    CHECK(outcome == Outcome::cancelled);
  });
}

TEST_CASE("a recv that is cancelled in the turn in which bytes arrive loses none of them") {
  for_each_backend([](Loop& loop) {
    for (int i = 0; i < 200; ++i) {
      auto [a, b] = socket_pair();
      std::string received;
      Scope scope(loop);
      scope.spawn([](Loop& l, int fd, std::string& into) -> Task<> {
        std::array<std::uint8_t, 8> bytes{};
        auto count = co_await as_result(l.recv(fd, bytes));
        if (count) {
          into = as_text(Bytes(bytes).first(*count));
        }
      }(loop, a.get(), received));
      loop.turn(0ms);
      if (i % 2 == 0) {
        loop.turn(0ms);
      }
      CHECK(::send(b.get(), "byte", 4, MSG_NOSIGNAL) == 4);
      if (i % 3 == 0) {
        loop.turn(0ms);
      }
      scope.cancel();
      CHECK(join(loop, scope));
      std::array<char, 8> left{};
      const ssize_t rest = ::recv(a.get(), left.data(), left.size(), MSG_DONTWAIT);
      // Either the operation had them, or they are still in the socket.
      CHECK((received == "byte") != (rest == 4));
    }
  });
}

TEST_CASE("an accept that is cancelled in the turn in which a client comes leaks no descriptor") {
  for_each_backend([](Loop& loop) {
    const Listener listener = loopback_listener();
    sockaddr_storage storage{};
    const socklen_t bytes = listener.address.to_sockaddr(storage);
    for (int i = 0; i < 50; ++i) {
      Scope scope(loop);
      scope.spawn(
          [](Loop& l, int fd) -> Task<> { co_await l.accept(fd); }(loop, listener.fd.get()));
      loop.turn(0ms);
      loop.turn(0ms);
      const Fd client = tcp_socket();
      CHECK(::connect(client.get(), reinterpret_cast<sockaddr*>(&storage), bytes) == 0);
      if (i % 2 == 0) {
        loop.turn(0ms);
      }
      scope.cancel();
      CHECK(join(loop, scope));
    }  // the test main counts the descriptors
  });
}

TEST_CASE("a fiber that is cancelled between two operations does not start the second") {
  for_each_backend([](Loop& loop) {
    auto [a, b] = socket_pair();
    CHECK(::send(b.get(), "xy", 2, MSG_NOSIGNAL) == 2);
    int steps = 0;
    Scope scope(loop);
    scope.spawn([](Loop& l, int fd, Scope& own, int& count) -> Task<> {
      std::array<std::uint8_t, 1> byte{};
      co_await l.recv(fd, byte);
      ++count;
      own.cancel();
      co_await l.recv(fd, byte);  // would succeed at once
      ++count;
    }(loop, a.get(), scope, steps));
    CHECK(join(loop, scope));
    CHECK(steps == 1);
    char left = 0;
    CHECK(::recv(a.get(), &left, 1, MSG_DONTWAIT) == 1);
    CHECK(left == 'y');
  });
}

TEST_CASE("a descriptor may be closed as soon as its cancelled operation has ended") {
  for_each_backend([](Loop& loop) {
    for (int i = 0; i < 100; ++i) {
      auto pair = socket_pair();
      Scope scope(loop);
      scope.spawn([](Loop& l, Fd fd) -> Task<> {
        std::array<std::uint8_t, 8> bytes{};
        co_await l.recv(fd.get(), bytes);  // the frame's end closes it, and its number comes back
      }(loop, std::move(pair.a)));
      loop.turn(0ms);
      loop.turn(0ms);
      scope.cancel();
      CHECK(join(loop, scope));
    }
    auto [a, b] = socket_pair();
    CHECK(::send(b.get(), "z", 1, MSG_NOSIGNAL) == 1);
    Outcome outcome = Outcome::none;
    Scope scope(loop);
    scope.spawn(note<RecvOp>([](Loop& l, int fd, MutableBytes into) { return l.recv(fd, into); },
                             loop, a.get(), outcome));
    CHECK(join(loop, scope));
    CHECK(outcome == Outcome::done);
  });
}

TEST_CASE("thousands of operations are cancelled at once") {
  for_each_backend([](Loop& loop) {
    auto listener = loopback_listener();
    std::vector<Sockets> pairs;
    Scope scope(loop);
    int ended = 0;
    struct Counted {
      int& count;
      ~Counted() { ++count; }
    };
    for (int i = 0; i < 1500; ++i) {
      pairs.push_back(socket_pair());
      scope.spawn([](Loop& l, int fd, int& count) -> Task<> {
        const Counted counted{count};
        std::array<std::uint8_t, 8> bytes{};
        co_await l.recv(fd, bytes);
      }(loop, pairs.back().a.get(), ended));
    }
    loop.turn(1ms);
    loop.turn(1ms);
    scope.cancel();
    CHECK(join(loop, scope));
    CHECK(ended == 1500);
  });
}

}  // namespace
}  // namespace culvert::io
