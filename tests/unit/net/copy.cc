// Copying between two streams: nothing lost, half-closes and resets passed on, in every order.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/net/copy.h"

#include <algorithm>

#include "tests/support/sim.h"
#include "tests/unit/net/tcp_pair.h"
#include "ztunnel/lib/net/pipe_stream.h"

namespace culvert::net {
namespace {

using namespace std::chrono_literals;

// client = a | b = server, with the copy at the bar.
struct Proxied {
  TcpPair near;
  TcpPair far;
  CopyCounters counters;
  std::optional<Result<>> ended;
  io::Scope scope;

  explicit Proxied(io::Loop& loop) : near(tcp_pair(loop)), far(tcp_pair(loop)), scope(loop) {
    scope.spawn([](io::Loop& l, Proxied& self) -> io::Task<> {
      self.ended =
          co_await as_result(copy_both(l, *self.near.server, *self.far.client, self.counters));
      self.near.server.reset();
      self.far.client.reset();
    }(loop, *this));
  }
  Stream& client() { return *near.client; }
  Stream& server() { return *far.server; }
};

TEST_CASE("megabytes pass both ways at once, and each end is passed on by itself") {
  for_each_backend([](io::Loop& loop) {
    Proxied proxied(loop);
    const std::string up = pattern(3'000'000);
    const std::string down = pattern(2'000'000);
    const auto talk = [](Stream& s, std::string mine, const std::string& theirs) -> io::Task<> {
      co_await write_text(s, std::move(mine));
      co_await s.shutdown_write();
      CHECK(co_await read_all(s) == theirs);
    };
    const auto listen = [](Stream& s, std::string mine, const std::string& theirs) -> io::Task<> {
      CHECK(co_await read_all(s) == theirs);
      co_await write_text(s, std::move(mine));  // after the other direction has ended
      co_await s.shutdown_write();
    };
    io::Scope scope(loop);
    scope.spawn(talk(proxied.client(), up, down));
    scope.spawn(listen(proxied.server(), down, up));
    CHECK(block_on(loop, join(scope)));
    CHECK(block_on(loop, join(proxied.scope)));
    CHECK(proxied.ended->has_value());
    CHECK(proxied.counters.a_to_b_bytes == up.size());
    CHECK(proxied.counters.b_to_a_bytes == down.size());
  });
}

TEST_CASE("the server may end first while the client goes on sending") {
  for_each_backend([](io::Loop& loop) {
    Proxied proxied(loop);
    CHECK(block_on(loop,
                   [](Stream& s) -> io::Task<> { co_await s.shutdown_write(); }(proxied.server())));
    CHECK(block_on(loop, read_all(proxied.client()))->empty());
    CHECK(block_on(loop, write_text(proxied.client(), "late")));
    CHECK(*block_on(loop, read_exactly(proxied.server(), 4)) == "late");
    CHECK(block_on(loop,
                   [](Stream& s) -> io::Task<> { co_await s.shutdown_write(); }(proxied.client())));
    CHECK(block_on(loop, join(proxied.scope)));
    CHECK(proxied.ended->has_value());
  });
}

TEST_CASE("a reset of either side reaches the other as a reset") {
  for_each_backend([](io::Loop& loop) {
    for (const bool by_client : {true, false}) {
      Proxied proxied(loop);
      CHECK(block_on(loop, write_text(proxied.client(), "x")));
      CHECK(*block_on(loop, read_exactly(proxied.server(), 1)) == "x");
      Stream& resetting = by_client ? proxied.client() : proxied.server();
      Stream& other = by_client ? proxied.server() : proxied.client();
      resetting.reset();
      CHECK(code_of(block_on(loop, read_all(other))) == Errc::closed);
      CHECK(block_on(loop, join(proxied.scope)));
      CHECK(code_of(*proxied.ended) == Errc::closed);
    }
  });
}

TEST_CASE("a cancelled copy resets both sides: a cut connection never looks complete") {
  for_each_backend([](io::Loop& loop) {
    Proxied proxied(loop);
    CHECK(block_on(loop, write_text(proxied.client(), "x")));
    CHECK(*block_on(loop, read_exactly(proxied.server(), 1)) == "x");
    proxied.scope.cancel();
    CHECK(block_on(loop, join(proxied.scope)));
    CHECK(code_of(*proxied.ended) == Errc::cancelled);
    CHECK(code_of(block_on(loop, read_all(proxied.client()))) == Errc::closed);
    CHECK(code_of(block_on(loop, read_all(proxied.server()))) == Errc::closed);
  });
}

// A client talks to a server through two copies, over pipes with small buffers.
io::Task<> conversation(io::SimLoop& loop) {
  auto [client, near] = make_pipe(loop, 64);
  auto [out, in] = make_pipe(loop, 48);
  auto [far, server] = make_pipe(loop, 32);
  CopyCounters first;
  CopyCounters second;
  const auto ask = [](Stream& s) -> io::Task<> {
    co_await write_text(s, pattern(300));
    co_await s.shutdown_write();
    if (co_await read_all(s) != pattern(200)) {
      co_await fail(Errc::protocol, "the answer is not the server's");
    }
  };
  const auto answer = [](Stream& s) -> io::Task<> {
    if (co_await read_all(s) != pattern(300)) {
      co_await fail(Errc::protocol, "the question is not the client's");
    }
    co_await write_text(s, pattern(200));
    co_await s.shutdown_write();
  };
  io::Scope scope(loop);
  scope.spawn(copy_both(loop, *near, *out, first));
  scope.spawn(copy_both(loop, *in, *far, second));
  scope.spawn(ask(*client));
  scope.spawn(answer(*server));
  co_await scope.join();
  if (first.a_to_b_bytes != 300 || second.b_to_a_bytes != 200) {
    co_await fail(Errc::protocol, "bytes were not counted");
  }
}

TEST_CASE("a proxied conversation can be cancelled at every suspension, in any order of events") {
  const auto report = sim::cancel_everywhere(conversation);
  CHECK(report.suspensions > 50);
  for (const auto& problem : report.problems) {
    FAIL_CHECK(problem);
  }
  for (std::uint64_t seed = 1; seed < 4; ++seed) {
    CHECK(sim::cancel_everywhere(conversation, seed).problems.empty());
  }
  CHECK(sim::run_to_end(conversation, 100).problems.empty());
}

// A stream that gives `total` bytes without ever waiting, and swallows what it gets.
class Firehose final : public Stream {
 public:
  explicit Firehose(std::size_t total) : left_(total) {}
  io::Task<std::size_t> read_some(MutableBytes into) override {
    largest_read = std::max(largest_read, into.size());
    const std::size_t count = std::min(left_, into.size());
    left_ -= count;
    co_return count;
  }
  io::Task<> write_all(Bytes) override { co_return; }
  io::Task<> shutdown_write() override { co_return; }
  void reset() override {}
  bool broken() const override { return false; }
  std::size_t largest_read = 0;

 private:
  std::size_t left_;
};

TEST_CASE("a copy that never has to wait lets others run, and its buffer grows to its limit") {
  io::SimLoop loop;
  Firehose a(40 * kCopyBytesBeforeYield);
  Firehose b(0);
  CopyCounters counters;
  int turns = 0;
  io::Scope scope(loop);
  scope.spawn(copy_both(loop, a, b, counters));
  scope.spawn([](io::Loop& l, const io::Scope& s, int& count) -> io::Task<> {
    while (s.size() > 1) {
      co_await l.yield();
      ++count;
    }
  }(loop, scope, turns));
  CHECK(block_on(loop, join(scope)));
  CHECK(turns >= 40);
  CHECK(a.largest_read == kCopyBufferBytesMax);
  CHECK(b.largest_read == kCopyBufferBytesMin);
}

}  // namespace
}  // namespace culvert::net
