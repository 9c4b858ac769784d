// How streams end early: resets of every kind, and handles that are destroyed at any time.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/unit/http/pair.h"

namespace culvert::http {
namespace {

struct Both {
  std::unique_ptr<H2Stream> up;
  std::unique_ptr<H2Stream> down;
};

// A stream that is open at both ends, with an answer.
io::Task<Both> open_stream(Pair& pair) {
  Both both;
  both.up = co_await pair.client->open(connect_request());
  both.down = co_await pair.server->accept();
  co_await both.down->respond(200);
  (void)co_await both.up->response();
  co_return both;
}

io::Task<Result<std::size_t>> try_read(H2Stream& stream) {
  std::vector<std::uint8_t> buffer(100);
  co_return co_await io::as_result(stream.read_some(buffer));
}

TEST_CASE("CONNECT_ERROR is a reset for the reader and the writer of the other side") {
  const auto result = in_pair([](Pair& pair) -> io::Task<> {
    Both both = co_await open_stream(pair);
    both.down->reset();
    const auto read = co_await io::as_result(read_all(*both.up));
    CHECK(!read);
    CHECK(read.error().code == Errc::closed);
    CHECK(read.error().context.find("CONNECT_ERROR") != std::string::npos);
    const auto write = co_await io::as_result(both.up->write_all(as_bytes("x")));
    CHECK(!write);
    CHECK(write.error().code == Errc::closed);
    const auto own = co_await io::as_result(read_all(*both.down));
    CHECK(!own);
    CHECK(own.error().code == Errc::closed);
  });
  CHECK(result);
}

TEST_CASE("CANCEL and NO_ERROR read as an end, and fail the writer") {
  static ResetCode code;
  for (const ResetCode each : {ResetCode::cancel, ResetCode::no_error}) {
    code = each;
    const auto result = in_pair([](Pair& pair) -> io::Task<> {
      Both both = co_await open_stream(pair);
      both.down->reset(code);
      const auto read = co_await io::as_result(read_all(*both.up));
      CHECK(read);
      const auto write = co_await io::as_result(both.up->write_all(as_bytes("x")));
      CHECK(!write);
      CHECK(write.error().code == Errc::closed);
    });
    CHECK(result);
  }
}

TEST_CASE("a refused stream can be told from a broken one") {
  const auto result = in_pair([](Pair& pair) -> io::Task<> {
    auto up = co_await pair.client->open(connect_request());
    auto down = co_await pair.server->accept();
    down->reset(ResetCode::refused_stream);
    const auto response = co_await io::as_result(up->response());
    CHECK(!response);
    CHECK(response.error().code == Errc::unavailable);
  });
  CHECK(result);
}

TEST_CASE("a reset before the answer fails the wait for the answer, whatever its code") {
  const auto result = in_pair([](Pair& pair) -> io::Task<> {
    auto up = co_await pair.client->open(connect_request());
    auto down = co_await pair.server->accept();
    down->reset(ResetCode::cancel);
    const auto response = co_await io::as_result(up->response());
    CHECK(!response);
    CHECK(response.error().code == Errc::closed);
  });
  CHECK(result);
}

TEST_CASE("bytes that arrived before a reset are read before it is reported") {
  const auto result = in_pair([](Pair& pair) -> io::Task<> {
    Both both = co_await open_stream(pair);
    co_await both.down->write_all(as_bytes("last words"));
    both.down->reset();
    co_await pair.loop.sleep(std::chrono::milliseconds(5));
    const std::string words = co_await read_exactly(*both.up, 10);
    CHECK(words == "last words");
    const auto read = co_await try_read(*both.up);
    CHECK(!read);
  });
  CHECK(result);
}

TEST_CASE("a destroyed stream that had not ended is a reset at the other side") {
  const auto result = in_pair([](Pair& pair) -> io::Task<> {
    Both both = co_await open_stream(pair);
    both.up.reset();
    const auto read = co_await try_read(*both.down);
    CHECK(!read);
    CHECK(read.error().code == Errc::closed);
    co_await pair.loop.sleep(std::chrono::milliseconds(5));
    CHECK(pair.client->stream_count() == 0);
    CHECK(pair.server->stream_count() == 0);
  });
  CHECK(result);
}

TEST_CASE("a stream may be destroyed before its request left, and another one works") {
  const auto result = in_pair([](Pair& pair) -> io::Task<> {
    {
      auto up = co_await pair.client->open(connect_request());
    }
    auto second = co_await pair.client->open(connect_request("second:1"));
    auto down = co_await pair.server->accept();
    CHECK(*find_header(down->request(), ":authority") == "second:1");
    CHECK(pair.client->stream_count() == 1);
  });
  CHECK(result);
}

TEST_CASE("a stream outlives its connection") {
  auto loop = io::make_epoll_loop();
  const auto result = io::block_on(*loop, [](io::Loop& on) -> io::Task<> {
    std::unique_ptr<H2Stream> up;
    {
      Pair pair(on);
      up = co_await pair.client->open(connect_request());
      co_await pair.close();
    }
    const auto read = co_await try_read(*up);
    CHECK(!read);
    const auto write = co_await io::as_result(up->write_all(as_bytes("x")));
    CHECK(!write);
    up->reset();
  }(*loop));
  CHECK(result);
}

TEST_CASE("a peer that dies under open streams fails them all with the cause") {
  auto loop = io::make_epoll_loop();
  const auto result = io::block_on(*loop, [](io::Loop& on) -> io::Task<> {
    auto ends = net::make_pipe(on);
    H2Connection client(on, std::move(ends[0]), H2Role::client);
    std::optional<Result<>> ended;
    io::Scope scope(on);
    scope.spawn(run_connection(client, ended));
    auto up = co_await client.open(connect_request());
    std::vector<std::uint8_t> buffer(10'000);
    (void)co_await ends[1]->read_some(buffer);
    ends[1].reset();
    const auto response = co_await io::as_result(up->response());
    CHECK(!response);
    CHECK(response.error().code == Errc::closed);
    co_await scope.join();
    CHECK(!*ended);
    const auto again = co_await io::as_result(client.open(connect_request()));
    CHECK(!again);
    CHECK(again.error().code == Errc::unavailable);
  }(*loop));
  CHECK(result);
}

io::Task<> write_much(H2Stream& stream, bool& finished) {
  const std::string much(1'000'000, 'x');
  co_await stream.write_all(as_bytes(much));
  finished = true;
}

TEST_CASE("a writer that waits for credit is woken by the reset of its stream") {
  const auto result = in_pair([](Pair& pair) -> io::Task<> {
    Both both = co_await open_stream(pair);
    bool finished = false;
    io::Scope scope(pair.loop, io::Scope::OnFailure::ignore);
    scope.spawn(write_much(*both.up, finished));
    co_await pair.loop.sleep(std::chrono::milliseconds(10));
    CHECK(!finished);
    both.down->reset();
    co_await scope.join();
    CHECK(!finished);
  });
  CHECK(result);
}

}  // namespace
}  // namespace culvert::http
