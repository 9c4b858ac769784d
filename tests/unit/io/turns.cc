// What every backend has to do for the loop itself: time, order, other threads, idleness.
// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <thread>
#include <vector>

#include "tests/unit/io/backends.h"
#include "ztunnel/lib/io/event.h"

namespace culvert::io {
namespace {

using namespace std::chrono_literals;

Result<> join(Loop& loop, Scope& scope) {
  return block_on(loop, [](Scope& s) -> Task<> { co_await s.join(); }(scope));
}

TEST_CASE("sleepers wake in the order of their times and not too early") {
  for_each_backend([](Loop& loop) {
    std::vector<int> order;
    Scope scope(loop);
    const auto sleeper = [](Loop& l, int ms, std::vector<int>& out) -> Task<> {
      const TimePoint until = l.now() + std::chrono::milliseconds(ms);
      co_await l.sleep(std::chrono::milliseconds(ms));
      CHECK(l.now() >= until);
      out.push_back(ms);
    };
    for (const int ms : {7, 1, 5, 3, 0}) {
      scope.spawn(sleeper(loop, ms, order));
    }
    CHECK(join(loop, scope));
    CHECK(order == std::vector<int>{0, 1, 3, 5, 7});
  });
}

TEST_CASE("a sleep of the longest duration does not overflow") {
  for_each_backend([](Loop& loop) {
    Scope scope(loop);
    scope.spawn([](Loop& l) -> Task<> { co_await l.sleep(Duration::max()); }(loop));
    loop.turn(1ms);
    loop.turn(1ms);
    CHECK(!scope.empty());
    scope.cancel();
    CHECK(join(loop, scope));
  });
}

TEST_CASE("yield lets what is ready run first, in order") {
  for_each_backend([](Loop& loop) {
    std::string order;
    Scope scope(loop);
    const auto twice = [](Loop& l, char name, std::string& out) -> Task<> {
      out += name;
      co_await l.yield();
      out += name;
    };
    scope.spawn(twice(loop, 'a', order));
    scope.spawn(twice(loop, 'b', order));
    CHECK(join(loop, scope));
    CHECK(order == "abab");
  });
}

TEST_CASE("a fiber that is always ready keeps neither timers nor descriptors waiting") {
  for_each_backend([](Loop& loop) {
    auto [a, b] = socket_pair();
    Scope busy(loop);
    busy.spawn([](Loop& l) -> Task<> {
      while (true) {
        co_await l.yield();
      }
    }(loop));
    CHECK(block_on(loop, [](Loop& l) -> Task<> { co_await l.sleep(1ms); }(loop)));
    CHECK(::send(b.get(), "x", 1, MSG_NOSIGNAL) == 1);
    CHECK(block_on(loop, [](Loop& l, int fd) -> Task<> {
      std::array<std::uint8_t, 1> byte{};
      co_await l.recv(fd, byte);
    }(loop, a.get())));
    busy.cancel();
    CHECK(join(loop, busy));
  });
}

TEST_CASE(
    "functions posted by other threads run on the loop's thread, all of them, each thread's in "
    "order") {
  for_each_backend([](Loop& loop) {
    constexpr int kThreads = 4;
    constexpr int kPosts = 500;
    const auto loop_thread = std::this_thread::get_id();
    std::vector<std::vector<int>> seen(kThreads);
    int count = 0;  // written on the loop's thread alone
    bool elsewhere = false;
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kPosts; ++i) {
          loop.post([&, t, i] {
            elsewhere |= std::this_thread::get_id() != loop_thread;
            seen[static_cast<std::size_t>(t)].push_back(i);
            if (++count == kThreads * kPosts) {
              loop.stop();
            }
          });
        }
      });
    }
    loop.run();
    for (auto& thread : threads) {
      thread.join();
    }
    CHECK(!elsewhere);
    CHECK(count == kThreads * kPosts);
    for (const auto& numbers : seen) {
      CHECK(std::is_sorted(numbers.begin(), numbers.end()));
    }
  });
}

TEST_CASE("a loop made on one thread runs on another, and is destroyed on the first") {
  for_each_backend([](Loop& loop) {
    auto [a, b] = socket_pair();
    Scope scope(loop);
    std::size_t received = 0;
    scope.spawn([](Loop& l, int fd, std::size_t& count) -> Task<> {
      std::array<std::uint8_t, 8> bytes{};
      count = co_await l.recv(fd, bytes);
      l.stop();
    }(loop, a.get(), received));
    std::thread worker([&loop, &scope] {
      loop.run();
      CHECK(block_on(loop, [](Scope& s) -> Task<> { co_await s.join(); }(scope)));
    });
    CHECK(::send(b.get(), "abc", 3, MSG_NOSIGNAL) == 3);
    worker.join();
    CHECK(received == 3);
  });
}

TEST_CASE("post wakes a loop that waits for nothing else") {
  for_each_backend([](Loop& loop) {
    std::atomic<bool> ran = false;
    std::thread other([&] {
      std::this_thread::sleep_for(5ms);
      loop.post([&] {
        ran = true;
        loop.stop();
      });
    });
    loop.run();
    other.join();
    CHECK(ran);
  });
}

TEST_CASE("an event wakes its waiters in the order in which they came, and only those") {
  for_each_backend([](Loop& loop) {
    Event event;
    std::string order;
    Scope scope(loop);
    const auto waiter = [](Event& e, char name, std::string& out) -> Task<> {
      co_await e.wait();
      out += name;
    };
    scope.spawn(waiter(event, 'a', order));
    scope.spawn(waiter(event, 'b', order));
    loop.turn(0ms);
    event.notify_one();
    event.notify_all();
    event.notify_all();  // nobody is left
    CHECK(join(loop, scope));
    CHECK(order == "ab");
    CHECK(!event.has_waiters());
  });
}

TEST_CASE("a waiter in the middle of an event's list can be cancelled") {
  for_each_backend([](Loop& loop) {
    Event event;
    std::string order;
    const auto waiter = [](Event& e, char name, std::string& out) -> Task<> {
      co_await e.wait();
      out += name;
    };
    Scope kept(loop);
    Scope given_up(loop);
    kept.spawn(waiter(event, 'a', order));
    given_up.spawn(waiter(event, 'b', order));
    kept.spawn(waiter(event, 'c', order));
    loop.turn(0ms);
    given_up.cancel();
    CHECK(join(loop, given_up));
    event.notify_all();
    CHECK(join(loop, kept));
    CHECK(order == "ac");
  });
}

}  // namespace
}  // namespace culvert::io
