// What the peer allows, known too late: requests that wait in the client while its writer is stuck.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/support/sim.h"
#include "tests/unit/http/pair.h"
#include "ztunnel/lib/io/timeout.h"

namespace culvert::http {
namespace {

using std::chrono::milliseconds;
using namespace std::string_literals;

const std::string kSettings = "\0\0\0\4\0\0\0\0\0"s;
const std::string kFourStreams = "\0\0\6\4\0\0\0\0\0\0\3\0\0\0\4"s;  // MAX_CONCURRENT_STREAMS = 4
// The last stream that was looked at is 0, the cause NO_ERROR.
const std::string kGoaway = "\0\0\x8\7\0\0\0\0\0\0\0\0\0\0\0\0\0"s;

// A client whose first frames fill the pipe, so that what is opened next can't leave, and the raw
// bytes of a server.
struct Stuck {
  explicit Stuck(io::Loop& on) : loop(on), scope(on, io::Scope::OnFailure::ignore) {
    auto ends = net::make_pipe(loop, 48);
    server = std::move(ends[1]);
    client = std::make_unique<H2Connection>(loop, std::move(ends[0]), H2Role::client);
    scope.spawn(run_connection(*client, ended));
  }
  io::Task<> open_unsent(int count) {
    co_await loop.sleep(milliseconds(2));  // the writer is stuck now
    for (int i = 0; i < count; ++i) {
      unsent.push_back(co_await client->open(connect_request()));
    }
  }
  io::Task<> say(std::string bytes) {
    co_await server->write_all(as_bytes(bytes));
    co_await loop.sleep(milliseconds(2));
  }
  // Takes what the client has to say, for a while.
  io::Task<std::size_t> swallow() {
    std::size_t total = 0;
    std::vector<std::uint8_t> buffer(4096);
    for (;;) {
      auto n = co_await io::as_result(
          io::with_timeout(loop, milliseconds(20), "read", server->read_some(buffer)));
      if (!n || *n == 0) {
        co_return total;
      }
      total += *n;
    }
  }

  io::Loop& loop;
  std::unique_ptr<net::Stream> server;
  std::unique_ptr<H2Connection> client;
  std::optional<Result<>> ended;
  std::vector<std::unique_ptr<H2Stream>> unsent;
  io::Scope scope;
};

// Plays `body` in virtual time, in some orders of what is ready.
void when_stuck(io::Task<> (*body)(Stuck&)) {
  const auto play = [body](io::SimLoop& loop) {
    return [](io::Loop& on, io::Task<> (*run)(Stuck&)) -> io::Task<> {
      Stuck stuck(on);
      auto result = co_await io::as_result(run(stuck));
      stuck.scope.cancel();
      (void)co_await io::as_result(stuck.scope.join());
      co_await std::move(result);
    }(loop, body);
  };
  for (const auto& problem : sim::run_to_end(play, 20).problems) {
    CHECK_MESSAGE(false, problem);
  }
}

io::Task<Errc> answer_of(Stuck& stuck, H2Stream& stream) {
  const auto answer = co_await io::as_result(
      io::with_timeout(stuck.loop, milliseconds(200), "answer", stream.response()));
  CHECK(!answer);
  co_return answer ? Errc::protocol : answer.error().code;
}

TEST_CASE("the peer's limit is a guess until its SETTINGS come") {
  const auto result = in_pair(
      [](Pair& pair) -> io::Task<> {
        CHECK(!pair.client->settings_received());
        CHECK(pair.client->free_slots() == kStreamsBeforeSettings);
        co_await pair.client->await_settings();
        CHECK(pair.client->settings_received());
        CHECK(pair.client->peer_streams_max() == 4);
        CHECK(pair.client->free_slots() == 4);
      },
      {.streams_max = 4});
  CHECK(result);
}

TEST_CASE("nobody waits for the SETTINGS of a connection that ended without them") {
  when_stuck([](Stuck& stuck) -> io::Task<> {
    co_await stuck.loop.sleep(milliseconds(2));
    stuck.server.reset();
    co_await io::with_timeout(stuck.loop, milliseconds(200), "SETTINGS",
                              stuck.client->await_settings());
    CHECK(!stuck.client->takes_streams());
  });
}

TEST_CASE("requests that SETTINGS leave no room for fail as refused, and later ones are sent") {
  when_stuck([](Stuck& stuck) -> io::Task<> {
    co_await stuck.open_unsent(6);
    co_await stuck.say(kFourStreams);
    for (const auto& stream : stuck.unsent) {
      const Errc code = co_await answer_of(stuck, *stream);
      CHECK(code == Errc::unavailable);
    }
    co_await stuck.swallow();
    CHECK(stuck.client->stream_count() == 0);
    auto later = co_await stuck.client->open(connect_request());
    const std::size_t said = co_await stuck.swallow();
    CHECK(said > 0);
    later->reset();
  });
}

TEST_CASE("requests that SETTINGS leave room for are sent when there is a way") {
  when_stuck([](Stuck& stuck) -> io::Task<> {
    co_await stuck.open_unsent(4);
    co_await stuck.say(kFourStreams);
    co_await stuck.swallow();
    CHECK(stuck.client->stream_count() == 4);
    // HEADERS, END_HEADERS, stream 1, and an answer that is :status 200 alone.
    co_await stuck.say("\0\0\1\1\4\0\0\0\1\x88"s);
    const auto answer = co_await stuck.unsent.front()->response();
    CHECK(*find_header(answer, ":status") == "200");
  });
}

TEST_CASE("requests that a GOAWAY finds unsent fail as refused") {
  when_stuck([](Stuck& stuck) -> io::Task<> {
    co_await stuck.open_unsent(3);
    co_await stuck.say(kSettings + kGoaway);
    co_await stuck.swallow();
    for (const auto& stream : stuck.unsent) {
      const Errc code = co_await answer_of(stuck, *stream);
      CHECK(code == Errc::unavailable);
    }
  });
}

}  // namespace
}  // namespace culvert::http
