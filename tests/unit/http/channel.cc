// A channel and the connections that it makes, one after the other and beside each other.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/http/h2_channel.h"

#include <doctest/doctest.h>

#include "tests/unit/http/pair.h"
#include "ztunnel/lib/io/sim_loop.h"

namespace culvert::http {
namespace {

using namespace std::chrono_literals;

const HeaderList kGet{
    {":method", "GET"}, {":scheme", "https"}, {":path", "/"}, {":authority", "server"}};

// A server whose connections the test holds, and a channel to it.
struct Bench {
  explicit Bench(io::Loop& on) : loop(on) { scope.spawn(channel.run()); }
  io::Task<> close() {
    scope.cancel();
    (void)co_await io::as_result(scope.join());
  }

  static io::Task<std::unique_ptr<net::Stream>> dial(Bench& bench) {
    if (++bench.dials <= bench.dials_that_fail) {
      co_return fail(Errc::unavailable, "refused");
    }
    auto ends = net::make_pipe(bench.loop);
    bench.servers.push_back(
        std::make_unique<H2Connection>(bench.loop, std::move(ends[1]), H2Role::server));
    bench.ended.push_back(std::make_unique<std::optional<Result<>>>());
    bench.scope.spawn(run_connection(*bench.servers.back(), *bench.ended.back()));
    co_return std::move(ends[0]);
  }
  io::Task<std::unique_ptr<H2Stream>> open() {
    H2Connection* const connection = co_await channel.connection();
    co_return co_await connection->open(kGet, /* end_stream= */ true);
  }

  io::Loop& loop;
  Rng rng{1};
  int dials = 0;
  int dials_that_fail = 0;
  std::vector<std::unique_ptr<H2Connection>> servers;
  std::vector<std::unique_ptr<std::optional<Result<>>>> ended;
  H2Channel channel{loop, rng, [this] { return dial(*this); }, {.backoff_first = 1s}};
  io::Scope scope{loop, io::Scope::OnFailure::ignore};
};

Result<> with_bench(io::Task<> (*body)(Bench&)) {
  io::SimLoop loop;
  return io::block_on(loop, [](io::Loop& on, io::Task<> (*run)(Bench&)) -> io::Task<> {
    Bench bench(on);
    auto result = co_await io::as_result(run(bench));
    co_await bench.close();
    co_await std::move(result);
  }(loop, body));
}

TEST_CASE("after a GOAWAY new streams go over a new connection while the old one's go on") {
  CHECK(with_bench([](Bench& bench) -> io::Task<> {
    auto old_stream = co_await bench.open();
    auto accepted = co_await bench.servers[0]->accept();
    co_await accepted->respond(200);
    (void)co_await old_stream->response();
    io::Scope drains(bench.loop);
    drains.spawn(bench.servers[0]->drain());
    co_await bench.loop.sleep(1s);

    auto new_stream = co_await bench.open();
    CHECK(bench.dials == 2);
    auto second = co_await bench.servers[1]->accept();
    CHECK(second != nullptr);
    co_await accepted->write_all(as_bytes("still here"));
    CHECK(co_await read_exactly(*old_stream, 10) == "still here");
    CHECK(!*bench.ended[0]);

    co_await accepted->shutdown_write();
    CHECK(co_await read_all(*old_stream) == "");
    co_await drains.join();
    old_stream.reset();
    co_await bench.loop.sleep(5s);
    CHECK(*bench.ended[0]);  // nothing keeps it
    CHECK(!*bench.ended[1]);
    CHECK(bench.channel.connected());
  }));
}

TEST_CASE("many who want a connection at once share one, also while it is being made") {
  CHECK(with_bench([](Bench& bench) -> io::Task<> {
    io::Scope callers(bench.loop);
    for (int i = 0; i < 8; ++i) {
      callers.spawn([](Bench& b) -> io::Task<> { (void)co_await b.channel.connection(); }(bench));
    }
    co_await callers.join();
    CHECK(bench.dials == 1);
  }));
}

TEST_CASE("after a failed connect the channel waits, and who waits meanwhile gets the next one") {
  CHECK(with_bench([](Bench& bench) -> io::Task<> {
    bench.dials_that_fail = 1;
    const auto first = co_await io::as_result(bench.channel.connection());
    CHECK(!first);
    CHECK(first.error().code == Errc::unavailable);
    CHECK(to_string(first.error()) == "refused");
    const auto began = bench.loop.now();
    (void)co_await bench.channel.connection();
    CHECK(bench.loop.now() - began >= 500ms);
    CHECK(bench.loop.now() - began <= 1s);
    CHECK(bench.dials == 2);
  }));
}

}  // namespace
}  // namespace culvert::http
