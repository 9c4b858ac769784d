// The body of a gRPC call and its closing status, read by a server and by a client. The first byte
// chooses the pieces and bit 7 the reader; of a client's, a line "grpc-status" comes first.
// Messages come out as other code cuts them, none is larger than its limit, and a call ends well
// exactly if its framing does and its status is 0.
// SPDX-License-Identifier: Apache-2.0
#include <charconv>

#include "tests/fuzz/scenario.h"
#include "tests/unit/http/pair.h"
#include "ztunnel/lib/http/grpc.h"

namespace culvert::fuzz {
namespace {

using namespace http;

constexpr std::size_t kMessageBytesMax = 1000;

struct Call {
  std::vector<std::string> messages;
  bool well = false;  // ended at a message's end, and with status 0 if there is one
};

struct Input {
  bool of_client;
  std::uint8_t pieces;
  std::string status;
  std::string body;
};

// What the body says, cut by other code.
Call cut(std::string_view body) {
  Call call;
  while (body.size() >= 5 && body[0] == 0) {
    std::size_t size = 0;
    for (const char c : body.substr(1, 4)) {
      size = size * 256 + static_cast<std::uint8_t>(c);
    }
    if (size > kMessageBytesMax || body.size() < 5 + size) {
      return call;
    }
    call.messages.emplace_back(body.substr(5, size));
    body.remove_prefix(5 + size);
  }
  call.well = body.empty();
  return call;
}

io::Task<> receive(GrpcCall& call, Call& seen) {
  for (;;) {
    auto message = co_await io::as_result(call.receive());
    if (!message || !*message) {
      seen.well = message.has_value();
      co_return;
    }
    CULVERT_ASSERT((*message)->size() <= kMessageBytesMax);
    seen.messages.push_back(std::move(**message));
  }
}

// The body as a request, read by a server.
io::Task<> request(Pair& pair, const Input& input, Call& seen) {
  auto stream = co_await pair.client->open(
      {{":method", "POST"}, {":scheme", "http"}, {":path", "/a.B/C"}, {":authority", "localhost"}});
  io::Scope sender(pair.loop);
  sender.spawn(send_all(pair.loop, *stream, as_bytes(input.body), input.pieces, true));
  {
    GrpcCall call(co_await pair.server->accept(), H2Role::server, kMessageBytesMax);
    co_await receive(call, seen);
    (void)co_await io::as_result(call.finish({}));
  }
  co_await sender.join();
}

io::Task<> answer(Pair& pair, const Input& input) {
  auto stream = co_await pair.server->accept();
  co_await stream->respond(200, {{"content-type", "application/grpc"}});
  co_await send_all(pair.loop, *stream, as_bytes(input.body), input.pieces, false);
  (void)co_await io::as_result(stream->finish({{"grpc-status", input.status}}));
}

// The body as a response, read by a client.
io::Task<> response(Pair& pair, const Input& input, Call& seen) {
  io::Scope server(pair.loop, io::Scope::OnFailure::ignore);
  server.spawn(answer(pair, input));
  {
    GrpcCall call(co_await pair.client->open({{":method", "POST"},
                                              {":scheme", "http"},
                                              {":path", "/a.B/C"},
                                              {":authority", "localhost"}}),
                  H2Role::client, kMessageBytesMax);
    (void)co_await io::as_result(call.end_requests());
    co_await receive(call, seen);
    CULVERT_ASSERT(!seen.well || call.status()->code == GrpcCode::ok);
  }
  co_await server.join();
}

io::Task<> converse(io::Loop& loop, const Input& input, Call& seen) {
  Pair pair(loop);
  auto done = co_await io::as_result(input.of_client ? response(pair, input, seen)
                                                     : request(pair, input, seen));
  (void)co_await io::as_result(pair.close());
  co_await std::move(done);
}

bool is_ok(std::string_view status) {
  unsigned number = 1;
  std::from_chars(status.data(), status.data() + status.size(), number);
  return number == 0;
}

// What HTTP/2 itself would not carry as a header's value.
bool is_value(std::string_view text) {
  return !text.starts_with(' ') && !text.ends_with(' ') &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
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
  fuzz::Input input{
      .of_client = (bytes[0] & 0x80) != 0, .pieces = bytes[0], .status = {}, .body = {}};
  auto rest = as_text({bytes + 1, size - 1});
  if (input.of_client) {
    input.status = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(input.status.size() + 1, rest.size()));
    if (!fuzz::is_value(input.status)) {
      return -1;
    }
  }
  input.body = rest;
  fuzz::Call seen;
  fuzz::play([&](io::SimLoop& loop) { return fuzz::converse(loop, input, seen); }, input.pieces);
  const auto wanted = fuzz::cut(input.body);
  CULVERT_ASSERT(seen.messages == wanted.messages);
  CULVERT_ASSERT(seen.well == (wanted.well && (!input.of_client || fuzz::is_ok(input.status))));
  return 0;
}
