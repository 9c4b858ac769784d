// Scopes: who is cancelled when, what a join waits for and what it fails with; and deadlines.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/io/scope.h"

#include <string>

#include "tests/unit/io/backends.h"
#include "ztunnel/lib/io/event.h"
#include "ztunnel/lib/io/timeout.h"

namespace culvert::io {
namespace {

using namespace std::chrono_literals;

Task<> joining(Scope& scope) {
  co_await scope.join();
}

Task<> sleeping(Loop& loop, int& ended) {
  struct Counted {
    int& count;
    ~Counted() { ++count; }
  };
  const Counted counted{ended};
  co_await loop.sleep(24h);
}

Task<> failing(Loop& loop, Errc code) {
  co_await loop.yield();
  co_await fail(code, "child");
}

TEST_CASE("join of an empty scope returns") {
  const auto loop = make_epoll_loop();
  Scope scope(*loop);
  CHECK(block_on(*loop, joining(scope)));
}

TEST_CASE("the first failure cancels the siblings and is what join fails with") {
  const auto loop = make_epoll_loop();
  int ended = 0;
  Scope scope(*loop);
  scope.spawn(sleeping(*loop, ended));
  scope.spawn(failing(*loop, Errc::tls));
  scope.spawn(failing(*loop, Errc::denied));
  CHECK(code_of(block_on(*loop, joining(scope))) == Errc::tls);
  CHECK(ended == 1);
  CHECK(scope.cancelled());
}

TEST_CASE("where failures are ignored, siblings live on and join succeeds") {
  const auto loop = make_epoll_loop();
  int ended = 0;
  Scope scope(*loop, Scope::OnFailure::ignore);
  scope.spawn(sleeping(*loop, ended));
  scope.spawn(failing(*loop, Errc::tls));
  for (int i = 0; i < 5; ++i) {
    loop->turn(0ms);
  }
  CHECK(ended == 0);
  CHECK(scope.size() == 1);
  scope.cancel();
  CHECK(block_on(*loop, joining(scope)));
  CHECK(ended == 1);
}

TEST_CASE("a child spawned in a cancelled scope starts, and ends at its first suspension") {
  const auto loop = make_epoll_loop();
  Scope scope(*loop);
  scope.cancel();
  int steps = 0;
  scope.spawn([](Loop& l, int& s) -> Task<> {
    ++s;
    co_await l.yield();
    ++s;
  }(*loop, steps));
  CHECK(block_on(*loop, joining(scope)));
  CHECK(steps == 1);
}

TEST_CASE("a child may spawn siblings, and join waits for them too") {
  const auto loop = make_epoll_loop();
  int leaves = 0;
  Scope scope(*loop);
  struct Grow {
    static Task<> from(Loop& l, Scope& s, int depth, int& out) {
      co_await l.yield();
      if (depth == 0) {
        ++out;
        co_return;
      }
      s.spawn(from(l, s, depth - 1, out));
      s.spawn(from(l, s, depth - 1, out));
    }
  };
  scope.spawn(Grow::from(*loop, scope, 6, leaves));
  CHECK(block_on(*loop, joining(scope)));
  CHECK(leaves == 64);
}

TEST_CASE("a cancelled joiner cancels the children, waits for them, and fails with cancelled") {
  const auto loop = make_epoll_loop();
  int ended = 0;
  std::string order;
  Scope outer(*loop);
  outer.spawn([](Loop& l, int& e, std::string& o) -> Task<> {
    Scope inner(l);
    inner.spawn(sleeping(l, e));
    inner.spawn([](Loop& m, std::string& p) -> Task<> {
      auto slept = co_await as_result(m.sleep(24h));
      CHECK(code_of(slept) == Errc::cancelled);
      p += "child ";
    }(l, o));
    auto joined = co_await as_result(inner.join());
    CHECK(code_of(joined) == Errc::cancelled);
    CHECK(inner.empty());
    o += "joiner ";
  }(*loop, ended, order));
  loop->turn(0ms);
  loop->turn(0ms);
  outer.cancel();
  CHECK(block_on(*loop, joining(outer)));
  CHECK(ended == 1);
  CHECK(order == "child joiner ");
}

TEST_CASE("a fiber that was cancelled before it joins still waits for its children") {
  const auto loop = make_epoll_loop();
  int ended = 0;
  Scope outer(*loop);
  outer.spawn([](Loop& l, Scope& own, int& e) -> Task<> {
    Scope inner(l);
    inner.spawn(sleeping(l, e));
    own.cancel();
    co_await inner.join();
  }(*loop, outer, ended));
  CHECK(block_on(*loop, joining(outer)));
  CHECK(ended == 1);
}

TEST_CASE("cancellation reaches through nested scopes") {
  const auto loop = make_epoll_loop();
  int ended = 0;
  struct Nest {
    static Task<> in(Loop& l, int depth, int& e) {
      Scope scope(l);
      scope.spawn(depth == 0 ? sleeping(l, e) : in(l, depth - 1, e));
      co_await scope.join();
    }
  };
  Scope outer(*loop);
  outer.spawn(Nest::in(*loop, 20, ended));
  for (int i = 0; i < 30; ++i) {
    loop->turn(0ms);
  }
  outer.cancel();
  CHECK(block_on(*loop, joining(outer)));
  CHECK(ended == 1);
}

TEST_CASE("the failure of a child is kept until somebody joins") {
  const auto loop = make_epoll_loop();
  Scope scope(*loop);
  scope.spawn(failing(*loop, Errc::identity));
  for (int i = 0; i < 5; ++i) {
    loop->turn(0ms);
  }
  CHECK(scope.empty());
  CHECK(code_of(block_on(*loop, joining(scope))) == Errc::identity);
}

Task<int> slow_answer(Loop& loop, Duration after) {
  co_await loop.sleep(after);
  co_return 42;
}

TEST_CASE("with_timeout gives the value in time, and timed_out with its name after") {
  const auto loop = make_epoll_loop();
  CHECK(*block_on(*loop, with_timeout(*loop, 1h, "answer", slow_answer(*loop, 1ms))) == 42);
  const auto late = block_on(*loop, with_timeout(*loop, 2ms, "answer", slow_answer(*loop, 1h)));
  CHECK(code_of(late) == Errc::timed_out);
  CHECK(to_string(late.error()) == "answer: timed out after 2 ms");
}

TEST_CASE("with_timeout passes the task's own failure on") {
  const auto loop = make_epoll_loop();
  const auto failed = block_on(*loop, with_timeout(*loop, 1h, "x", failing(*loop, Errc::tls)));
  CHECK(code_of(failed) == Errc::tls);
}

TEST_CASE("with_timeout inside a cancelled fiber fails with cancelled, not timed_out") {
  const auto loop = make_epoll_loop();
  std::optional<Errc> code;
  Scope scope(*loop);
  scope.spawn([](Loop& l, std::optional<Errc>& c) -> Task<> {
    c = code_of(co_await as_result(with_timeout(l, 1h, "x", slow_answer(l, 2h))));
  }(*loop, code));
  for (int i = 0; i < 5; ++i) {
    loop->turn(0ms);
  }
  scope.cancel();
  CHECK(block_on(*loop, joining(scope)));
  CHECK(code == Errc::cancelled);
}

TEST_CASE("deadlines nest: the shorter one ends the inner task, the outer one goes on") {
  const auto loop = make_epoll_loop();
  const auto result = block_on(*loop, with_timeout(*loop, 1h, "outer", [](Loop& l) -> Task<int> {
    auto inner = co_await as_result(with_timeout(l, 1ms, "inner", slow_answer(l, 2h)));
    CHECK(code_of(inner) == Errc::timed_out);
    co_return 1;
  }(*loop)));
  CHECK(*result == 1);
}

}  // namespace
}  // namespace culvert::io
