// What an established connection carries, and how it ends.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "tests/unit/tls/parties.h"
#include "ztunnel/lib/base/rng.h"

namespace culvert::tls {
namespace {

constexpr std::size_t kTransferBytes = 10 * 1024 * 1024;

// The byte at a position of the pattern; neighbours and blocks differ.
std::uint8_t pattern_at(std::size_t position) {
  return static_cast<std::uint8_t>(position * 31 + (position >> 14) * 7);
}

io::Task<> write_pattern(net::Stream& stream, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<std::uint8_t> chunk;
  for (std::size_t at = 0; at < kTransferBytes;) {
    chunk.resize(std::min<std::size_t>(1 + rng.below(200'000), kTransferBytes - at));
    for (auto& byte : chunk) {
      byte = pattern_at(at++);
    }
    co_await stream.write_all(chunk);
  }
  co_await stream.shutdown_write();
}

io::Task<> read_pattern(net::Stream& stream, std::uint64_t seed, std::size_t& good) {
  Rng rng(seed);
  std::vector<std::uint8_t> buffer(100'000);
  for (;;) {
    const auto part = MutableBytes(buffer).first(1 + rng.below(buffer.size()));
    const std::size_t count = co_await stream.read_some(part);
    if (count == 0) {
      co_return;
    }
    for (const std::uint8_t byte : part.first(count)) {
      if (byte != pattern_at(good)) {
        co_await fail(Errc::protocol, "wrong byte at " + std::to_string(good));
      }
      ++good;
    }
  }
}

TEST_CASE("10 MB pass both ways at once, in pieces of any size, through any pipe") {
  for (const std::size_t pipe_bytes : {std::size_t{1000}, std::size_t{256 * 1024}}) {
    io::SimLoop loop(pipe_bytes);
    const auto pair = connection(loop, pipe_bytes);
    std::size_t to_client = 0;
    std::size_t to_server = 0;
    io::Scope scope(loop);
    scope.spawn(write_pattern(*pair.server, 1));
    scope.spawn(write_pattern(*pair.client, 2));
    scope.spawn(read_pattern(*pair.server, 3, to_server));
    scope.spawn(read_pattern(*pair.client, 4, to_client));
    const auto done = block_on(loop, join(scope));
    CHECK_MESSAGE(done, to_string(done.error()));
    CHECK(to_client == kTransferBytes);
    CHECK(to_server == kTransferBytes);
  }
}

TEST_CASE("one direction ends and the other goes on") {
  io::SimLoop loop;
  const auto pair = connection(loop);
  REQUIRE(block_on(loop, write_text(*pair.client, "question")));
  REQUIRE(block_on(loop, end(*pair.client)));
  CHECK(*block_on(loop, read_all(*pair.server)) == "question");
  REQUIRE(block_on(loop, write_text(*pair.server, "answer")));
  REQUIRE(block_on(loop, end(*pair.server)));
  CHECK(*block_on(loop, read_all(*pair.client)) == "answer");
}

TEST_CASE("an end that is said twice is said once, and eats nothing of what the peer still says") {
  io::SimLoop loop;
  const auto pair = connection(loop);
  REQUIRE(block_on(loop, write_text(*pair.server, "late words")));
  REQUIRE(block_on(loop, end(*pair.server)));
  REQUIRE(block_on(loop, end(*pair.client)));
  REQUIRE(block_on(loop, end(*pair.client)));
  CHECK(*block_on(loop, read_all(*pair.client)) == "late words");
  CHECK(*block_on(loop, read_all(*pair.server)) == "");
}

TEST_CASE("a write after the end fails") {
  io::SimLoop loop;
  const auto pair = connection(loop);
  REQUIRE(block_on(loop, end(*pair.client)));
  const auto written = block_on(loop, write_text(*pair.client, "more"));
  REQUIRE(!written);
  CHECK(written.error().code == Errc::closed);
}

// Keeps one end of a pipe within reach of the test, behind the TLS that owns it.
class Borrowed final : public net::Stream {
 public:
  explicit Borrowed(net::Stream& stream) : stream_(stream) {}
  io::Task<std::size_t> read_some(MutableBytes into) override { return stream_.read_some(into); }
  io::Task<> write_all(Bytes from) override { return stream_.write_all(from); }
  io::Task<> shutdown_write() override { return stream_.shutdown_write(); }
  void reset() override { stream_.reset(); }
  bool broken() const override { return stream_.broken(); }

 private:
  net::Stream& stream_;
};

// A connection whose two transports the test can reach.
struct Reachable {
  std::array<std::unique_ptr<net::Stream>, 2> pipe;
  Handshaken hands;

  explicit Reachable(io::Loop& loop) : pipe(net::make_pipe(loop)) {
    const auto ca = authority();
    io::Scope scope(loop);
    scope.spawn(accept_into(loop, std::make_unique<Borrowed>(*pipe[0]), party(ca, spiffe("server")),
                            hands.server));
    scope.spawn(connect_into(loop, std::make_unique<Borrowed>(*pipe[1]),
                             party(ca, spiffe("client")), {spiffe("server")}, hands.client));
    REQUIRE(block_on(loop, join(scope)));
    REQUIRE(*hands.server);
    REQUIRE(*hands.client);
  }
  TlsStream& server() { return **(*hands.server); }
  TlsStream& client() { return **(*hands.client); }
};

TEST_CASE("a transport that ends without close_notify was cut, and what came before is whole") {
  io::SimLoop loop;
  Reachable pair(loop);
  REQUIRE(block_on(loop, write_text(pair.client(), "half a story")));
  REQUIRE(block_on(loop, end(*pair.pipe[1])));
  std::vector<std::uint8_t> buffer(100);
  CHECK(*block_on(loop, pair.server().read_some(buffer)) == 12);
  const auto rest = block_on(loop, pair.server().read_some(buffer));
  REQUIRE(!rest);
  CHECK(rest.error().code == Errc::closed);
  CHECK(to_string(rest.error()) == "the peer ended the connection without close_notify");
}

TEST_CASE("bytes that nobody encrypted are a failure of TLS, again and again") {
  io::SimLoop loop;
  Reachable pair(loop);
  // A record of application bytes whose tag can't be right.
  REQUIRE(block_on(loop, write_text(*pair.pipe[1], std::string("\x17\x03\x03\x00\x20", 5) +
                                                       std::string(32, 'x'))));
  std::vector<std::uint8_t> buffer(100);
  for (int i = 0; i < 2; ++i) {
    const auto read = block_on(loop, pair.server().read_some(buffer));
    REQUIRE(!read);
    CHECK(read.error().code == Errc::tls);
  }
}

TEST_CASE("a reset reaches the peer as closed, and a pending read of our own ends") {
  io::SimLoop loop;
  const auto pair = connection(loop);
  std::optional<Error> own;
  io::Scope scope(loop);
  scope.spawn([](net::Stream& stream, std::optional<Error>& out) -> io::Task<> {
    auto read = co_await as_result(read_all(stream));
    out = read ? Error{} : read.error();
  }(*pair.client, own));
  while (loop.turn()) {
  }
  pair.client->reset();
  REQUIRE(block_on(loop, join(scope)));
  CHECK((own->code == Errc::closed || own->code == Errc::cancelled));
  const auto read = block_on(loop, read_all(*pair.server));
  REQUIRE(!read);
  CHECK(read.error().code == Errc::closed);
}

TEST_CASE("after a write that was given up half-way nothing more is written") {
  io::SimLoop loop;
  const auto pair = connection(loop, 1000);
  {
    io::Scope scope(loop, io::Scope::OnFailure::ignore);
    scope.spawn(write_text(*pair.client, std::string(50'000, 'x')));
    while (loop.turn()) {
    }
    scope.cancel();
    REQUIRE(block_on(loop, join(scope)));
  }
  const auto more = block_on(loop, write_text(*pair.client, "more"));
  REQUIRE(!more);
  CHECK(more.error().code == Errc::closed);
  const auto ended = block_on(loop, end(*pair.client));
  REQUIRE(!ended);
  CHECK(ended.error().code == Errc::closed);
}

}  // namespace
}  // namespace culvert::tls
