// The simulated loop, and the runner that cancels everywhere: it has to find what it looks for.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/io/sim_loop.h"

#include <doctest/doctest.h>

#include "tests/support/sim.h"
#include "ztunnel/lib/io/event.h"
#include "ztunnel/lib/io/timeout.h"

namespace culvert::io {
namespace {

using namespace std::chrono_literals;

TEST_CASE("a simulated year passes at once, and timers keep their order") {
  SimLoop loop;
  std::string order;
  Scope scope(loop);
  const auto sleeper = [](Loop& l, Duration d, char name, std::string& out) -> Task<> {
    co_await l.sleep(d);
    out += name;
  };
  scope.spawn(sleeper(loop, 24h * 365, 'c', order));
  scope.spawn(sleeper(loop, 1ns, 'a', order));
  scope.spawn(sleeper(loop, 3h, 'b', order));
  const TimePoint start = loop.now();
  CHECK(block_on(loop, [](Scope& s) -> Task<> { co_await s.join(); }(scope)));
  CHECK(order == "abc");
  CHECK(loop.now() - start == 24h * 365);
}

std::string order_of(std::uint64_t seed) {
  SimLoop loop(seed);
  std::string order;
  Scope scope(loop);
  for (char name = 'a'; name < 'k'; ++name) {
    scope.spawn([](Loop& l, char n, std::string& out) -> Task<> {
      co_await l.yield();
      out += n;
    }(loop, name, order));
  }
  CHECK(block_on(loop, [](Scope& s) -> Task<> { co_await s.join(); }(scope)));
  return order;
}

TEST_CASE("a seed gives an order, always the same, and another seed another") {
  CHECK(order_of(1) == order_of(1));
  CHECK(order_of(1) != order_of(2));
  CHECK(order_of(1) != "abcdefghij");
}

TEST_CASE("a descriptor on the simulated loop is refused") {
  SimLoop loop;
  const auto result = block_on(loop, [](Loop& l) -> Task<> { co_await l.readable(0); }(loop));
  CHECK(!result);
}

// Two fibers that hand a token to each other, one under a deadline, with an inner scope.
Task<> token_game(SimLoop& loop) {
  struct Table {
    Event changed;
    int token = 0;
  };
  struct Player {
    static Task<> play(Table& table, int mine, int rounds) {
      for (int i = 0; i < rounds; ++i) {
        while (table.token != mine) {
          co_await table.changed.wait();
        }
        table.token = 1 - mine;
        table.changed.notify_all();
      }
    }
  };
  Table table;
  Scope scope(loop);
  scope.spawn(Player::play(table, 0, 3));
  scope.spawn(with_timeout(loop, 1s, "player", Player::play(table, 1, 3)));
  co_await scope.join();
  co_await loop.sleep(1s);
}

TEST_CASE("a sound scenario can be cancelled at every suspension, in any order") {
  const auto report = sim::cancel_everywhere(token_game);
  CHECK(report.suspensions >= 8);
  for (const auto& problem : report.problems) {
    FAIL_CHECK(problem);
  }
  for (std::uint64_t seed = 1; seed < 10; ++seed) {
    CHECK(sim::cancel_everywhere(token_game, seed).problems.empty());
  }
  CHECK(sim::run_to_end(token_game, 50).problems.empty());
}

TEST_CASE("the runner finds a scenario that waits for something that never comes") {
  const auto report = sim::run_to_end([](SimLoop&) -> Task<> {
    Event never;
    co_await never.wait();
  });
  REQUIRE(report.problems.size() == 1);
  CHECK(report.problems[0].find("blocked") != std::string::npos);
}

TEST_CASE("the runner finds a scenario that loses a frame when it is cancelled") {
  struct Leaky {
    static Task<> nothing() { co_return; }
  };
  std::vector<std::unique_ptr<Task<>>> lost;
  const auto report = sim::cancel_everywhere([&lost](SimLoop& loop) -> Task<> {
    return [](Loop& l, std::vector<std::unique_ptr<Task<>>>& out) -> Task<> {
      co_await l.yield();
      if (auto slept = co_await as_result(l.sleep(1s)); !slept) {
        out.push_back(std::make_unique<Task<>>(Leaky::nothing()));
      }
    }(loop, lost);
  });
  // Cancelled at its yield, which is done at once, it finds out in the sleep too.
  REQUIRE(report.problems.size() == 2);
  CHECK(report.problems[0] == "cancelled at suspension 0: 1 coroutine frames leaked");
  CHECK(report.problems[1] == "cancelled at suspension 1: 1 coroutine frames leaked");
  CHECK(report.suspensions == 2);
}

TEST_CASE("the runner finds a scenario that fails without having been cancelled") {
  const auto report = sim::cancel_everywhere([](SimLoop& loop) -> Task<> {
    co_await loop.yield();
    co_await fail(Errc::protocol, "broken");
  });
  REQUIRE(report.problems.size() == 1);
  CHECK(report.problems[0] == "cancelled at suspension 1: failed: broken");
}

}  // namespace
}  // namespace culvert::io
