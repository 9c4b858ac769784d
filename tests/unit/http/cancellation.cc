// One tunnelled exchange, cancelled at each of its suspensions: nothing may leak, hang or touch
// what is gone (the sanitizers watch), and the other side must come to an end of its own.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/unit/http/pair.h"
#include "ztunnel/lib/io/sim_loop.h"

namespace culvert::http {
namespace {

constexpr std::size_t kBytes = 200'000;  // more than a window: writers wait for credit

io::Task<> send_and_end(net::Stream& stream) {
  const std::string bytes(kBytes, 'x');
  co_await stream.write_all(as_bytes(bytes));
  co_await stream.shutdown_write();
}

io::Task<> both_ways(io::Loop& loop, H2Stream& stream, std::size_t& got) {
  io::Scope scope(loop);
  scope.spawn(send_and_end(stream));
  auto read = co_await io::as_result(read_all(stream));
  if (!read) {
    scope.cancel();
  }
  auto sent = co_await io::as_result(scope.join());
  co_await std::move(sent);
  got = (co_await std::move(read)).size();
}

// A side that is given up ends its connection too, as a daemon would: the other must not wait for
// it.
class ShutdownUnlessDone {
 public:
  explicit ShutdownUnlessDone(H2Connection& connection) : connection_(connection) {}
  ShutdownUnlessDone(const ShutdownUnlessDone&) = delete;
  ShutdownUnlessDone& operator=(const ShutdownUnlessDone&) = delete;
  ~ShutdownUnlessDone() {
    if (!done_) {
      connection_.shutdown();
    }
  }
  void done() { done_ = true; }

 private:
  H2Connection& connection_;
  bool done_ = false;
};

io::Task<> client_side(Pair& pair, std::size_t& got) {
  ShutdownUnlessDone guard(*pair.client);
  auto stream = co_await pair.client->open(connect_request());
  (void)co_await stream->response();
  co_await both_ways(pair.loop, *stream, got);
  guard.done();
}

io::Task<> server_side(Pair& pair, std::size_t& got) {
  ShutdownUnlessDone guard(*pair.server);
  auto stream = co_await pair.server->accept();
  if (stream == nullptr) {
    co_await fail(Errc::closed, "no stream");
  }
  co_await stream->respond(200);
  co_await both_ways(pair.loop, *stream, got);
  guard.done();
}

enum class Victim : std::uint8_t { client, server, connection };

struct Run {
  io::SimLoop& loop;
  Victim victim;
  std::uint64_t at;
  std::size_t client_got = 0;
  std::size_t server_got = 0;
};

// The side that is not cancelled runs with a scope of its own and must end by itself.
io::Task<> exchange(Run& run) {
  Pair pair(run.loop);
  io::Scope clients(run.loop, io::Scope::OnFailure::ignore);
  io::Scope servers(run.loop, io::Scope::OnFailure::ignore);
  run.loop.cancel_at(run.at, run.victim == Victim::client   ? clients
                             : run.victim == Victim::server ? servers
                                                            : pair.scope);
  clients.spawn(client_side(pair, run.client_got));
  servers.spawn(server_side(pair, run.server_got));
  (void)co_await io::as_result(clients.join());
  (void)co_await io::as_result(servers.join());
  (void)co_await io::as_result(pair.close());
}

void cancel_everywhere(Victim victim) {
  std::uint64_t n = 0;
  for (;; ++n) {
    io::SimLoop loop;
    Run run{.loop = loop, .victim = victim, .at = n};
    (void)io::block_on(loop, exchange(run));
    if (!loop.has_cancelled()) {
      CHECK(run.client_got == kBytes);
      CHECK(run.server_got == kBytes);
      break;
    }
  }
  CHECK(n > 50);  // or the scenario has shrunk to nothing
}

TEST_CASE("a client's stream can be cancelled at every suspension") {
  cancel_everywhere(Victim::client);
}

TEST_CASE("a server's stream can be cancelled at every suspension") {
  cancel_everywhere(Victim::server);
}

TEST_CASE("connections can be cancelled at every suspension") {
  cancel_everywhere(Victim::connection);
}

TEST_CASE("what is ready may run in any order") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    io::SimLoop loop(seed);
    Run run{.loop = loop, .victim = Victim::client, .at = ~std::uint64_t{0}};
    (void)io::block_on(loop, exchange(run));
    CHECK(run.client_got == kBytes);
    CHECK(run.server_got == kBytes);
  }
}

}  // namespace
}  // namespace culvert::http
