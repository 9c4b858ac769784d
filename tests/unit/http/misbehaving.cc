// Peers that break the rules or the limits: each is stopped, and by the rule that it broke.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <array>

#include "tests/unit/http/pair.h"
#include "ztunnel/lib/io/timeout.h"

namespace culvert::http {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kMagic = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                  std::string_view payload) {
  std::string out;
  const auto size = payload.size();
  for (const std::size_t byte : {size >> 16, size >> 8, size, std::size_t{type}, std::size_t{flags},
                                 std::size_t{stream >> 24}, std::size_t{stream >> 16},
                                 std::size_t{stream >> 8}, std::size_t{stream}}) {
    out += static_cast<char>(byte & 0xff);
  }
  return out + std::string(payload);
}

const std::string kSettings = frame(4, 0, 0, "");
const std::string kPing = frame(6, 0, 0, "12345678");

// HPACK: literal without indexing, new name; lengths below 127.
std::string literal(std::string_view name, std::string_view value) {
  std::string out(1, '\0');
  out += static_cast<char>(name.size());
  out += name;
  out += static_cast<char>(value.size());
  out += value;
  return out;
}

const std::string kConnect = literal(":method", "CONNECT") + literal(":authority", "10.0.0.1:80");

// END_HEADERS is 4, END_STREAM 1.
std::string request(std::uint32_t stream, const std::string& block) {
  return frame(1, 4, stream, block);
}

// A server, and a client of raw bytes.
struct Raw {
  explicit Raw(io::Loop& on, H2Options options = {})
      : loop(on), scope(on, io::Scope::OnFailure::ignore) {
    auto ends = net::make_pipe(loop, 256 * 1024);
    peer = std::move(ends[0]);
    server = std::make_unique<H2Connection>(loop, std::move(ends[1]), H2Role::server, options);
    scope.spawn(run_connection(*server, ended));
  }
  io::Task<> send(std::string bytes) { co_await peer->write_all(as_bytes(bytes)); }

  io::Loop& loop;
  std::unique_ptr<net::Stream> peer;
  std::unique_ptr<H2Connection> server;
  std::optional<Result<>> ended;
  io::Scope scope;
};

Result<> with_raw(io::Task<> (*body)(Raw&), H2Options options = {}) {
  auto loop = io::make_epoll_loop();
  return io::block_on(*loop,
                      [](io::Loop& on, io::Task<> (*run)(Raw&), H2Options with) -> io::Task<> {
                        Raw raw(on, with);
                        auto result = co_await io::as_result(run(raw));
                        raw.scope.cancel();
                        (void)co_await io::as_result(raw.scope.join());
                        co_await std::move(result);
                      }(*loop, body, options));
}

// Reads what the server says until it says nothing for a while, and looks for a frame.
io::Task<bool> hears(Raw& raw, std::string_view wanted) {
  std::string heard;
  std::vector<std::uint8_t> buffer(4096);
  for (int i = 0; i < 20 && heard.find(wanted) == std::string::npos; ++i) {
    auto n = co_await io::as_result(
        io::with_timeout(raw.loop, milliseconds(30), "read", raw.peer->read_some(buffer)));
    if (!n || *n == 0) {
      break;
    }
    heard += as_text({buffer.data(), *n});
  }
  co_return heard.find(wanted) != std::string::npos;
}

io::Task<> settle(Raw& raw) {
  for (int i = 0; i < 2000 && !raw.ended; ++i) {
    co_await raw.loop.sleep(milliseconds(1));
  }
}

TEST_CASE("a peer that speaks something else is a protocol error") {
  const auto result = with_raw([](Raw& raw) -> io::Task<> {
    co_await raw.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    co_await settle(raw);
    const bool stopped = raw.ended && !*raw.ended && raw.ended->error().code == Errc::protocol;
    CHECK(stopped);
  });
  CHECK(result);
}

TEST_CASE("a request with a doubled pseudo header, or CONNECT with a path, never reaches accept") {
  const auto result = with_raw([](Raw& raw) -> io::Task<> {
    co_await raw.send(std::string(kMagic) + kSettings +
                      request(1, kConnect + literal(":authority", "10.0.0.2:80")) +
                      request(3, literal(":path", "/") + kConnect) +
                      request(5, literal(":method", "CONNECT")) +
                      request(7, kConnect + literal("Upper", "case")) + request(9, kConnect));
    auto stream = co_await raw.server->accept();
    CHECK(stream->id() == 9);
    const bool heard = co_await hears(raw, frame(3, 0, 1, std::string("\0\0\0\1", 4)));
    CHECK(heard);
  });
  CHECK(result);
}

TEST_CASE("headers above the limit are answered with 431 and do not disturb other streams") {
  const auto result = with_raw([](Raw& raw) -> io::Task<> {
    std::string block = kConnect;
    std::string bytes = std::string(kMagic) + kSettings;
    // One HEADERS frame with a part, five CONTINUATION frames; END_HEADERS on the last.
    const std::string padding = literal("x-much", std::string(120, 'y'));
    std::string piece;
    while (piece.size() + padding.size() < 14'000) {
      piece += padding;
    }
    bytes += frame(1, 0, 1, block);
    for (int i = 0; i < 5; ++i) {
      bytes += frame(9, i == 4 ? 4 : 0, 1, piece);
    }
    bytes += request(3, kConnect);
    co_await raw.send(bytes);
    auto stream = co_await raw.server->accept();
    CHECK(stream->id() == 3);
    // HPACK has no 431 in its table: the digits are Huffman coded, so look at the reset behind it.
    const bool heard = co_await hears(raw, frame(3, 0, 1, std::string("\0\0\0\0", 4)));
    CHECK(heard);
    CHECK(raw.server->stream_count() == 1);
  });
  CHECK(result);
}

TEST_CASE("a flood of PINGs without reading the answers ends the connection") {
  const auto result = with_raw([](Raw& raw) -> io::Task<> {
    co_await raw.send(std::string(kMagic) + kSettings);
    std::string pings;
    for (int i = 0; i < 1000; ++i) {
      pings += kPing;
    }
    for (int i = 0; i < 200 && !raw.ended; ++i) {
      (void)co_await io::as_result(
          io::with_timeout(raw.loop, milliseconds(200), "write", raw.send(pings)));
    }
    co_await settle(raw);
    const bool stopped = raw.ended && !*raw.ended && raw.ended->error().code == Errc::protocol;
    CHECK(stopped);
  });
  CHECK(result);
}

TEST_CASE(
    "a flood of resets ends the connection, after a burst that no tunnel of applications reaches") {
  // nghttp2 counts by the real clock: without a rate a slow machine floods as well as a quick one.
  const H2Options no_rate = {.resets_per_second_max = 0};
  const auto result = with_raw(
      [](Raw& raw) -> io::Task<> {
        co_await raw.send(std::string(kMagic) + kSettings);
        std::uint32_t stream = 1;
        for (int i = 0; i < 300 && !raw.ended; ++i) {
          std::string bytes;
          for (int k = 0; k < 1000; ++k, stream += 2) {
            bytes += request(stream, kConnect) + frame(3, 0, stream, std::string("\0\0\0\x8", 4));
          }
          (void)co_await io::as_result(
              io::with_timeout(raw.loop, milliseconds(200), "write", raw.send(bytes)));
          std::vector<std::uint8_t> buffer(65'536);
          (void)co_await io::as_result(
              io::with_timeout(raw.loop, milliseconds(1), "read", raw.peer->read_some(buffer)));
        }
        co_await settle(raw);
        CHECK(stream > 2 * kResetBurstMax);
        const bool stopped = raw.ended && !*raw.ended && raw.ended->error().code == Errc::protocol;
        CHECK(stopped);
      },
      no_rate);
  CHECK(result);
}

TEST_CASE("data beyond a stream's window is an error of the peer") {
  const auto result = with_raw([](Raw& raw) -> io::Task<> {
    std::string bytes = std::string(kMagic) + kSettings + request(1, kConnect);
    for (int i = 0; i < 5; ++i) {
      bytes += frame(0, 0, 1, std::string(16'000, 'd'));
    }
    co_await raw.send(bytes);
    auto stream = co_await raw.server->accept();
    co_await raw.loop.sleep(milliseconds(20));
    CHECK(raw.server->buffered_bytes() <= kStreamWindowBytes);
    const bool ended_or_reset = raw.ended.has_value() || raw.server->stream_count() == 0;
    CHECK(ended_or_reset);
  });
  CHECK(result);
}

TEST_CASE("a client that opens more streams than it may is refused the rest") {
  const auto result = with_raw([](Raw& raw) -> io::Task<> {
    std::string bytes = std::string(kMagic) + kSettings;
    for (std::uint32_t i = 0; i < kStreamsMax + 10; ++i) {
      bytes += request(2 * i + 1, kConnect);
    }
    co_await raw.send(bytes);
    co_await raw.loop.sleep(milliseconds(20));
    CHECK(raw.server->stream_count() <= kStreamsMax);
  });
  CHECK(result);
}

}  // namespace
}  // namespace culvert::http
