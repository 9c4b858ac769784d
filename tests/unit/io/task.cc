// How values and failures travel along a chain of awaits, and in which order frames end.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/io/task.h"

#include <memory>
#include <string>
#include <vector>

#include "tests/unit/io/backends.h"
#include "ztunnel/lib/io/event.h"
#include "ztunnel/lib/io/timeout.h"

namespace culvert::io {
namespace {

using namespace std::chrono_literals;

struct Trace {
  std::string& out;
  const char* name;
  ~Trace() { out += std::string("~") + name + " "; }
};

Task<int> bottom(Loop& loop, std::string& out, bool fails) {
  const Trace trace{out, "bottom"};
  co_await loop.yield();
  if (fails) {
    co_await fail(Errc::denied, "no");
  }
  co_return 1;
}

Task<int> middle(Loop& loop, std::string& out, bool fails) {
  const Trace trace{out, "middle"};
  const int value = co_await bottom(loop, out, fails);
  out += "middle goes on ";
  co_return value + 1;
}

Task<int> top(Loop& loop, std::string& out, bool fails) {
  const Trace trace{out, "top"};
  auto result = co_await as_result(middle(loop, out, fails));
  out += result ? "value " : "caught ";
  co_return result ? *result + 1 : -1;
}

TEST_CASE("a value passes up the chain, a failure ends the frames between, innermost first") {
  const auto loop = make_epoll_loop();
  std::string out;
  CHECK(*block_on(*loop, top(*loop, out, false)) == 3);
  CHECK(out == "~bottom middle goes on ~middle value ~top ");
  out.clear();
  CHECK(*block_on(*loop, top(*loop, out, true)) == -1);
  CHECK(out == "~bottom ~middle caught ~top ");
}

TEST_CASE("a failure before the first suspension travels in the same way") {
  const auto loop = make_epoll_loop();
  std::string out;
  const auto result = block_on(*loop, [](std::string& o) -> Task<int> {
    const Trace outer{o, "outer"};
    co_return co_await [](std::string& p) -> Task<int> {
      const Trace inner{p, "inner"};
      co_await Result<int>(fail(Errc::config, "bad"));
      co_return 1;
    }(o);
  }(out));
  CHECK(code_of(result) == Errc::config);
  CHECK(out == "~inner ~outer ");
}

TEST_CASE("each way to fail gives the same error") {
  const auto loop = make_epoll_loop();
  CHECK(code_of(block_on(*loop, []() -> Task<int> { co_return fail(Errc::tls, "x"); }())) ==
        Errc::tls);
  CHECK(code_of(block_on(*loop, []() -> Task<int> {
          co_return Result<int>(fail(Errc::tls, "x"));
        }())) == Errc::tls);
  CHECK(code_of(block_on(*loop, []() -> Task<> { co_await fail(Errc::tls, "x"); }())) == Errc::tls);
  CHECK(code_of(block_on(*loop, []() -> Task<> { co_await Result<>(fail(Errc::tls, "x")); }())) ==
        Errc::tls);
  CHECK(*block_on(*loop, []() -> Task<int> { co_return co_await Result<int>(7); }()) == 7);
}

TEST_CASE("move-only values pass through tasks") {
  const auto loop = make_epoll_loop();
  auto result = block_on(*loop, [](Loop& l) -> Task<std::unique_ptr<int>> {
    co_return co_await [](Loop& inner) -> Task<std::unique_ptr<int>> {
      co_await inner.yield();
      co_return std::make_unique<int>(5);
    }(l);
  }(*loop));
  CHECK(**result == 5);
}

TEST_CASE("caught failures nest: an inner handler does not disturb the outer one") {
  const auto loop = make_epoll_loop();
  std::string out;
  const auto result = block_on(*loop, [](Loop& l, std::string& o) -> Task<> {
    auto outer = co_await as_result([](Loop& m, std::string& p) -> Task<> {
      for (int i = 0; i < 3; ++i) {
        auto inner = co_await as_result(bottom(m, p, true));
        CHECK(code_of(inner) == Errc::denied);
      }
      co_await fail(Errc::protocol, "outer");
    }(l, o));
    CHECK(code_of(outer) == Errc::protocol);
  }(*loop, out));
  CHECK(result);
  CHECK(out == "~bottom ~bottom ~bottom ");
}

TEST_CASE("a task that is never awaited runs nothing and frees its parameters") {
  const auto owned = std::make_shared<int>(1);
  bool ran = false;
  {
    const auto task = [](std::shared_ptr<int>, bool& r) -> Task<> {
      r = true;
      co_return;
    }(owned, ran);
    CHECK(owned.use_count() == 2);
  }
  CHECK(owned.use_count() == 1);
  CHECK(!ran);
}

TEST_CASE("a failure that a leaf gives unwinds as one that a coroutine gives") {
  const auto loop = make_epoll_loop();
  std::string out;
  const auto result = block_on(*loop, [](Loop& l, std::string& o) -> Task<> {
    const Trace outer{o, "outer"};
    co_await [](Loop& m, std::string& p) -> Task<> {
      const Trace inner{p, "inner"};
      std::array<std::uint8_t, 1> byte{};
      co_await m.recv(-1, byte);
    }(l, o);
  }(*loop, out));
  CHECK(code_of(result) == Errc::io);
  CHECK(out == "~inner ~outer ");
}

Task<int> nothing() {
  co_return 1;
}

TEST_CASE("a hundred thousand awaits in a row, none of which suspends, do not use up the stack") {
  const auto loop = make_epoll_loop();
  const auto result = block_on(*loop, []() -> Task<int> {
    int sum = 0;
    for (int i = 0; i < 100'000; ++i) {
      sum += co_await nothing();
      auto caught = co_await as_result(nothing());
      sum += *caught;
    }
    co_return sum;
  }());
  CHECK(*result == 200'000);
}

TEST_CASE("a hundred thousand failures in a row do not use up the stack") {
  const auto loop = make_epoll_loop();
  const auto result = block_on(*loop, []() -> Task<int> {
    int failures = 0;
    for (int i = 0; i < 100'000; ++i) {
      auto caught = co_await as_result([]() -> Task<> { co_await fail(Errc::io, ""); }());
      failures += caught ? 0 : 1;
    }
    co_return failures;
  }());
  CHECK(*result == 100'000);
}

Task<int> deep(Loop& loop, int depth) {
  if (depth == 0) {
    co_await loop.yield();
    co_return 0;
  }
  co_return 1 + co_await deep(loop, depth - 1);
}

TEST_CASE("a chain a thousand awaits deep gives its value, and unwinds when cancelled") {
  const auto loop = make_epoll_loop();
  CHECK(*block_on(*loop, deep(*loop, 1000)) == 1000);
  Scope scope(*loop);
  scope.spawn([](Loop& l) -> Task<> { co_await deep(l, 1000); }(*loop));
  loop->turn(0ms);
  scope.cancel();
  CHECK(block_on(*loop, [](Scope& s) -> Task<> { co_await s.join(); }(scope)));
}

TEST_CASE("the frames of the data path stay within their budget") {
  // Budgets, not exact sizes: sanitizers and -O0 add to them.
  const auto loop = make_epoll_loop();
  auto [a, b] = socket_pair();
  CHECK(::send(b.get(), "x", 1, MSG_NOSIGNAL) == 1);
  std::array<std::uint8_t, 8> bytes{};
  reset_frame_bytes_max();
  CHECK(block_on(*loop, [](Loop& l, int fd, MutableBytes into) -> Task<std::size_t> {
    CHECK(frame_census().live >= 2);  // this one and block_on's
    co_return co_await l.recv(fd, into);
  }(*loop, a.get(), bytes)));
  CHECK(frame_census().bytes_max > 0);
  CHECK(frame_census().bytes_max <= 768);
  CHECK(frame_census().live == 0);
  CHECK(frame_census().live_bytes == 0);
}

}  // namespace
}  // namespace culvert::io
