// Sleeping readers: they keep what they were sent, bounded, and nobody else waits for them.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/unit/http/pair.h"

namespace culvert::http {
namespace {

constexpr int kSleepers = 1000;

struct Sleepers {
  std::vector<std::unique_ptr<H2Stream>> up;
  std::vector<std::unique_ptr<H2Stream>> down;
};

io::Task<> write_for_ever(H2Stream& stream, std::size_t& written) {
  const std::string piece(8 * 1024, 's');
  for (;;) {
    co_await stream.write_all(as_bytes(piece));
    written += piece.size();
  }
}

io::Task<> write_bytes(H2Stream& stream, std::size_t bytes) {
  const std::string piece(64 * 1024, 'f');
  for (std::size_t sent = 0; sent < bytes; sent += piece.size()) {
    co_await stream.write_all(as_bytes(piece));
  }
  co_await stream.shutdown_write();
}

TEST_CASE("a thousand streams whose readers sleep stall no other stream and hold bounded memory") {
  const auto result = in_pair([](Pair& pair) -> io::Task<> {
    Sleepers sleepers;
    io::Scope writers(pair.loop, io::Scope::OnFailure::ignore);
    std::size_t written = 0;
    for (int i = 0; i < kSleepers; ++i) {
      sleepers.up.push_back(co_await pair.client->open(connect_request()));
      sleepers.down.push_back(co_await pair.server->accept());
      writers.spawn(write_for_ever(*sleepers.up.back(), written));
    }
    co_await pair.loop.sleep(std::chrono::milliseconds(200));
    CHECK(pair.server->buffered_bytes() <= std::size_t{kSleepers} * kStreamWindowBytes);
    CHECK(pair.server->buffered_bytes() >= std::size_t{kSleepers} * kStreamWindowBytes * 9 / 10);

    auto awake = co_await pair.client->open(connect_request());
    auto awake_down = co_await pair.server->accept();
    constexpr std::size_t kBytes = 64 * 1024 * 160;
    writers.spawn(write_bytes(*awake, kBytes));
    const std::string got = co_await read_all(*awake_down);
    CHECK(got.size() == kBytes);
    CHECK(pair.server->buffered_bytes() <= std::size_t{kSleepers} * kStreamWindowBytes);

    // A sleeper that wakes up gets what waited for it, and more.
    const std::string woken = co_await read_exactly(*sleepers.down[17], 3 * kStreamWindowBytes);
    CHECK(woken.size() == 3 * kStreamWindowBytes);

    writers.cancel();
    (void)co_await io::as_result(writers.join());
    sleepers.up.clear();
    sleepers.down.clear();
    CHECK(pair.server->buffered_bytes() == 0);
  });
  CHECK(result);
}

TEST_CASE("a writer stops when its reader's window is used up and goes on when the reader reads") {
  const auto result = in_pair([](Pair& pair) -> io::Task<> {
    auto up = co_await pair.client->open(connect_request());
    auto down = co_await pair.server->accept();
    std::size_t written = 0;
    io::Scope writers(pair.loop, io::Scope::OnFailure::ignore);
    writers.spawn(write_for_ever(*up, written));
    co_await pair.loop.sleep(std::chrono::milliseconds(20));
    const std::size_t stalled = written;
    CHECK(stalled <= kStreamWindowBytes);
    CHECK(pair.server->buffered_bytes() == kStreamWindowBytes);
    const std::string got = co_await read_exactly(*down, kStreamWindowBytes);
    co_await pair.loop.sleep(std::chrono::milliseconds(20));
    CHECK(written > stalled);
    writers.cancel();
    (void)co_await io::as_result(writers.join());
  });
  CHECK(result);
}

TEST_CASE("open() waits for a slot under the peer's limit, and a finished stream gives one") {
  const auto result = in_pair(
      [](Pair& pair) -> io::Task<> {
        std::vector<std::unique_ptr<H2Stream>> up;
        up.push_back(co_await pair.client->open(connect_request()));
        auto first_down = co_await pair.server->accept();
        up.push_back(co_await pair.client->open(connect_request()));
        auto second_down = co_await pair.server->accept();
        CHECK(pair.client->free_slots() == 0);
        io::Scope scope(pair.loop);
        scope.spawn([](Pair& p, std::vector<std::unique_ptr<H2Stream>>& streams) -> io::Task<> {
          streams.push_back(co_await p.client->open(connect_request()));
        }(pair, up));
        co_await pair.loop.sleep(std::chrono::milliseconds(5));
        CHECK(up.size() == 2);
        first_down->reset();
        co_await scope.join();
        CHECK(up.size() == 3);
      },
      {.streams_max = 2});
  CHECK(result);
}

}  // namespace
}  // namespace culvert::http
