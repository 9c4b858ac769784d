// Raw bytes into an HTTP/2 connection, as its server and as its client, in pieces of odd sizes. The
// first byte chooses: bit 0 the role under test, bit 1 whether the peer ends after its bytes or
// falls silent, bit 2 a preface in front, bits 3 and 4 the pipe, the rest the pieces. Whatever
// comes: the connection ends by itself within its time limits, gives no more payload than came,
// answers with no more than a small multiple of it, and answers the same input the same.
// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/scenario.h"
#include "ztunnel/lib/http/h2_connection.h"
#include "ztunnel/lib/net/pipe_stream.h"

namespace culvert::fuzz {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kFrameHeaderBytes = 9;
constexpr std::size_t kReadBytes = 3;  // less than a frame holds: the rest waits for the next read
constexpr std::array<std::size_t, 4> kPipeBytes = {16 * 1024, 1, 17, 300};
// Our SETTINGS and a GOAWAY with its text; then for each byte at most an echo, and an answer to
// each of the smallest frames (9 bytes) of a refusal with its text.
constexpr std::size_t kOutputBytesFixed = 2048;
constexpr std::size_t kOutputPerByte = 12;

struct Input {
  http::H2Role role;
  bool ends;
  bool preface;
  std::size_t pipe_bytes;
  std::uint8_t pieces;
  Bytes bytes;
};

struct Seen {
  std::size_t carried = 0;  // payload that streams gave
  std::string output;
};

io::Task<> echo(std::unique_ptr<http::H2Stream> stream, Seen& seen) {
  CULVERT_ASSERT(http::find_header(stream->request(), ":method") != nullptr);
  co_await stream->respond(200);
  std::array<std::uint8_t, kReadBytes> buffer{};
  while (const std::size_t count = co_await stream->read_some(buffer)) {
    seen.carried += count;
    co_await stream->write_all(Bytes(buffer).first(count));
  }
  co_await stream->finish({{"grpc-status", "0"}});
}

io::Task<> serve(http::H2Connection& connection, io::Scope& streams, Seen& seen) {
  while (auto stream = co_await connection.accept()) {
    streams.spawn(echo(std::move(stream), seen));
  }
}

io::Task<> ask(http::H2Connection& connection, bool with_body, Seen& seen) {
  auto stream =
      co_await connection.open({{":method", "CONNECT"}, {":authority", "10.0.0.1:80"}}, !with_body);
  if (with_body) {
    co_await stream->write_all(as_bytes("hello"));
    co_await stream->shutdown_write();
  }
  const auto answer = co_await stream->response();
  CULVERT_ASSERT(http::find_header(answer, ":status") != nullptr);
  std::array<std::uint8_t, kReadBytes> buffer{};
  while (const std::size_t count = co_await stream->read_some(buffer)) {
    seen.carried += count;
  }
}

io::Task<> collect(net::Stream& peer, Seen& seen) {
  seen.output = co_await receive_all(peer);
}

io::Task<> run_connection(http::H2Connection& connection) {
  co_await connection.run();
}

io::Task<> converse(io::SimLoop& loop, const Input& input, Seen& seen) {
  auto ends = net::make_pipe(loop, input.pipe_bytes);
  auto connection = std::make_unique<http::H2Connection>(loop, std::move(ends[0]), input.role);
  io::Scope ours(loop, io::Scope::OnFailure::ignore);
  io::Scope peer(loop, io::Scope::OnFailure::ignore);
  ours.spawn(run_connection(*connection));
  if (input.role == http::H2Role::server) {
    ours.spawn(serve(*connection, ours, seen));
  } else {
    ours.spawn(ask(*connection, false, seen));
    ours.spawn(ask(*connection, true, seen));
  }
  std::string text(input.preface ? kPreface : "");
  text += as_text(input.bytes);
  peer.spawn(send_all(loop, *ends[1], as_bytes(text), input.pieces, input.ends));
  peer.spawn(collect(*ends[1], seen));
  co_await ours.join();
  CULVERT_ASSERT(loop.now().time_since_epoch() <= http::kSettingsTimeout + http::kPingInterval +
                                                      http::kPingTimeout + http::kGoodbyeTimeout);
  CULVERT_ASSERT(connection->stream_count() == 0 && !connection->takes_streams());
  connection.reset();
  ends[1]->reset();
  co_await peer.join();
}

// The bytes of all DATA frames of the input, by a walk of its own over the frames (RFC 9113 §4.1).
std::size_t payload_bytes(const Input& input) {
  auto rest = as_text(input.bytes);
  if (rest.starts_with(kPreface)) {
    rest.remove_prefix(kPreface.size());
  }
  std::size_t sum = 0;
  while (rest.size() > kFrameHeaderBytes) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(rest[i]); };
    const std::size_t length = byte(0) << 16 | byte(1) << 8 | byte(2);
    const bool is_payload = byte(3) == 0;
    rest.remove_prefix(kFrameHeaderBytes);
    const std::size_t held = std::min(length, rest.size());
    sum += is_payload ? held : 0;
    rest.remove_prefix(held);
  }
  return sum;
}

Seen converse(const Input& input) {
  Seen seen;
  play([&](io::SimLoop& loop) { return converse(loop, input, seen); }, input.pieces);
  CULVERT_ASSERT(seen.carried <= payload_bytes(input));
  CULVERT_ASSERT(seen.output.size() <= kOutputBytesFixed + kOutputPerByte * input.bytes.size());
  return seen;
}

}  // namespace
}  // namespace culvert::fuzz

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  return culvert::fuzz::watch_log();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace culvert;
  if (size == 0) {
    return -1;
  }
  const std::uint8_t choice = bytes[0];
  const fuzz::Input input{
      .role = (choice & 1) != 0 ? http::H2Role::client : http::H2Role::server,
      .ends = (choice & 2) != 0,
      .preface = (choice & 4) != 0,
      .pipe_bytes = fuzz::kPipeBytes[(choice >> 3) & 3],
      .pieces = static_cast<std::uint8_t>(choice >> 5),
      .bytes = {bytes + 1, size - 1},
  };
  const auto first = fuzz::converse(input);
  const auto second = fuzz::converse(input);
  CULVERT_ASSERT(first.output == second.output && first.carried == second.carried);
  return 0;
}
