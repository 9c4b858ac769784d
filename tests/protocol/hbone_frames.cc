// Clients that break HTTP/2's rules, or flood, inside a good TLS connection.
// SPDX-License-Identifier: Apache-2.0
#include "tests/protocol/hbone_bugs.h"

namespace culvert::protocol {
namespace {

using proxy::Offence;

Verdict tunnel_ended(std::uint32_t code) {
  return {.goaway = code, .end = End::fin, .within = 2s, .offence = Offence::http2};
}

TEST_CASE("a preface that is not HTTP/2's ends the tunnel") {
  const Verdict cut = {.end = End::reset, .within = 2s, .offence = Offence::http2};
  const std::array rows = {
      Row{"another magic", {.magic = "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"}, cut},
      Row{"HTTP/1.1", {.magic = "GET / HTTP/1.1\r\nhost: example\r\n\r\n"}, cut},
      Row{"noise", {.magic = std::string(64, '\xff')}, cut},
      Row{"a HEADERS frame before SETTINGS",
          {.settings = h2::headers(1, h2::connect_block("10.0.0.2:8080"))},
          tunnel_ended(h2::kProtocolError)},
      Row{"SETTINGS with ACK as the first frame",
          {.settings = h2::settings_ack()},
          tunnel_ended(h2::kProtocolError)},
  };
  check_all(rows);
}

TEST_CASE("a frame that HTTP/2 forbids ends the tunnel with the right code") {
  const auto sends = [](const std::string& bytes) { return ClientBugs{.request = bytes}; };
  const auto protocol = tunnel_ended(h2::kProtocolError);
  const auto size = tunnel_ended(h2::kFrameSizeError);
  const auto flow = tunnel_ended(h2::kFlowControlError);
  const std::array rows = {
      Row{"DATA on no stream", sends(h2::data(0, "x")), protocol},
      Row{"DATA on a stream that is idle", sends(h2::data(7, "x")), protocol},
      Row{"HEADERS on no stream", sends(h2::headers(0, h2::connect_block("10.0.0.2:8080"))),
          protocol},
      Row{"an even stream", sends(h2::headers(4, h2::connect_block("10.0.0.2:8080"))), protocol},
      Row{"PUSH_PROMISE from a client",
          sends(h2::frame(h2::kPushPromise, h2::kEndHeaders, 1, h2::number(2))), protocol},
      Row{"CONTINUATION without HEADERS", sends(h2::frame(h2::kContinuation, 4, 1, "")), protocol},
      Row{"PING amid a header block",
          sends(h2::frame(h2::kHeaders, 0, 3, h2::connect_block("10.0.0.2:8080")) + h2::ping()),
          protocol},
      Row{"RST_STREAM on no stream", sends(h2::reset(0, h2::kCancel)), protocol},
      Row{"RST_STREAM on a stream that is idle", sends(h2::reset(7, h2::kCancel)), protocol},
      Row{"WINDOW_UPDATE on a stream that is idle", sends(h2::window_update(7, 1)), protocol},
      Row{"WINDOW_UPDATE by 0", sends(h2::window_update(0, 0)), protocol},
      Row{"WINDOW_UPDATE by 0 on a stream", sends(h2::window_update(1, 0)), protocol},
      Row{"SETTINGS on a stream", sends(h2::frame(h2::kSettings, 0, 1, "")), protocol},
      Row{"GOAWAY on a stream", sends(h2::frame(h2::kGoaway, 0, 1, h2::number(0) + h2::number(0))),
          protocol},
      Row{"ENABLE_PUSH of 2", sends(h2::settings(h2::setting(2, 2))), protocol},
      Row{"a window of 2^31", sends(h2::settings(h2::setting(4, 0x80000000))), flow},
      Row{"a frame size of 1", sends(h2::settings(h2::setting(5, 1))), protocol},
      Row{"SETTINGS of 5 bytes", sends(h2::frame(h2::kSettings, 0, 0, "12345")), size},
      Row{"an ack with entries", sends(h2::frame(h2::kSettings, h2::kAck, 0, h2::setting(4, 1))),
          size},
      Row{"PING of 7 bytes", sends(h2::frame(h2::kPing, 0, 0, "1234567")), size},
      Row{"RST_STREAM of 3 bytes", sends(h2::frame(h2::kRstStream, 0, 1, "123")), size},
      Row{"a frame of 16,385 bytes", sends(h2::data(1, std::string(16'385, 'x'))), size},
      Row{"the claim of a frame of 16 MiB", sends(h2::number(0xffffff, 3) + std::string(6, '\0')),
          size},
      Row{"padding longer than its frame", sends(h2::frame(h2::kData, 8, 1, "\xff")), protocol},
      Row{"headers that are not HPACK", sends(h2::headers(3, "\xff\xff\xff\xff\xff\xff")),
          tunnel_ended(h2::kCompressionError)},
      Row{"a header table over the limit",
          sends(h2::headers(3, std::string("\x3f\xff\xff\x7f", 4))),
          tunnel_ended(h2::kCompressionError)},
      Row{"a window over 2^31 by WINDOW_UPDATE", sends(h2::window_update(0, 0x7fffffff)), flow},
  };
  check_all(rows);
}

TEST_CASE("what comes after END_STREAM ends the tunnel, and the application's connection with it") {
  Verdict verdict = tunnel_ended(h2::kStreamClosed);
  verdict.status = "200";
  const std::array rows = {
      Row{"DATA",
          {.after = h2::data(3, "", true) + h2::data(3, "more")},
          verdict,
          Application::sleeps},
      Row{"HEADERS",
          {.after = h2::data(3, "", true) + h2::headers(3, h2::literal("a", "b"), true)},
          verdict,
          Application::sleeps},
  };
  check_all(rows);
}

TEST_CASE("what breaks a rule of one stream costs that stream") {
  const auto after = [](const std::string& bytes) { return ClientBugs{.after = bytes}; };
  const std::array rows = {
      Row{"a stream's window over 2^31",
          after(h2::window_update(3, 0x7fffffff)),
          {.status = "200",
           .reset = h2::kFlowControlError,
           .stream_1_lives = true,
           .offence = Offence::request}},
      Row{"trailers that do not end the stream",
          after(h2::headers(3, h2::literal("a", "b"))),
          {.status = "200",
           .reset = h2::kProtocolError,
           .stream_1_lives = true,
           .offence = Offence::request}},
  };
  check_all(rows);
}

TEST_CASE("more DATA than a stream's window is a reset of that stream") {
  const std::array rows = {
      Row{"196 KiB to a reader that sleeps",
          {.uses_stream_1 = false,
           .after = h2::repeated(h2::data(3, std::string(16'384, 'x')), 12)},
          {.status = "200", .reset = h2::kFlowControlError, .offence = Offence::request},
          Application::sleeps},
  };
  check_all(rows);
}

TEST_CASE("a window that stays closed holds back the application and nothing else") {
  const std::array rows = {
      Row{"SETTINGS with a window of 0",
          {.settings = h2::settings(h2::setting(4, 0)), .uses_stream_1 = false, .stays = 60s},
          {.status = "200"},
          Application::pours},
      Row{"no WINDOW_UPDATE, ever",
          {.uses_stream_1 = false, .stays = 60s},
          {.status = "200"},
          Application::pours},
  };
  check_all(rows);
}

TEST_CASE("a client that reads nothing is dead after 30 s") {
  const std::array rows = {
      Row{"the application pours",
          {.reads = false, .uses_stream_1 = false, .stays = 35s},
          {.status = "200", .end = End::reset, .within = 36s, .offence = Offence::silence},
          Application::pours},
      Row{"no answer to PING",
          {.answers_pings = false, .stays = 60s},
          {.status = "200",
           .end = End::fin,
           .within = 31s,
           .not_before = 29s,
           .offence = Offence::silence}},
  };
  check_all(rows);
}

TEST_CASE("a flood ends the tunnel of who floods, and memory stays bounded") {
  const auto opens_and_resets = [](std::uint32_t stream) {
    return h2::headers(stream, h2::connect_block("10.0.0.2:8080")) + h2::reset(stream, h2::kCancel);
  };
  const Verdict cut = {.end = End::reset, .within = 2s, .offence = Offence::http2};
  const std::array rows = {
      Row{"CONTINUATION without end",
          {.request = h2::frame(h2::kHeaders, 0, 3, h2::connect_block("10.0.0.2:8080")),
           .flood = h2::repeated(h2::frame(h2::kContinuation, 0, 3, ""), 100)},
          cut},
      Row{"CONTINUATION with headers, without end",
          {.request = h2::frame(h2::kHeaders, 0, 3, h2::connect_block("10.0.0.2:8080")),
           .flood = h2::frame(h2::kContinuation, 0, 3, h2::literal("a", std::string(4000, 'b')))},
          cut},
      Row{"SETTINGS whose acks are not read",
          {.reads = false, .uses_stream_1 = false, .flood = h2::repeated(h2::settings(), 100)},
          cut},
      Row{"PINGs whose acks are not read",
          {.reads = false, .uses_stream_1 = false, .flood = h2::repeated(h2::ping(), 100)},
          cut},
      Row{"SETTINGS with 33 entries",
          {.request = h2::settings(h2::repeated(h2::setting(4, 1), 33))},
          tunnel_ended(h2::kEnhanceYourCalm)},
      Row{"rapid reset",
          {.uses_stream_1 = false,
           .request = "",
           .flood_opens_per_round = 100,
           .request_of = opens_and_resets},
          tunnel_ended(h2::kInternalError),
          Application::echoes,
          2},
  };
  check_all(rows);
}

TEST_CASE("a flood of what costs little is borne, and its neighbours notice nothing") {
  const std::array rows = {
      Row{"PINGs",
          {.flood = h2::repeated(h2::ping(), 100), .flood_rounds = 100},
          {.status = "200", .stream_1_lives = true}},
      Row{"SETTINGS",
          {.flood = h2::repeated(h2::settings(), 100), .flood_rounds = 100},
          {.status = "200", .stream_1_lives = true}},
      Row{"empty DATA",
          {.flood = h2::repeated(h2::data(3, ""), 100), .flood_rounds = 100},
          {.status = "200", .stream_1_lives = true}},
      Row{"PRIORITY",
          {.flood = h2::repeated(h2::frame(h2::kPriority, 0, 3, std::string(5, '\0')), 100),
           .flood_rounds = 100},
          {.status = "200", .stream_1_lives = true}},
      Row{"WINDOW_UPDATE",
          {.flood = h2::repeated(h2::window_update(3, 1), 100), .flood_rounds = 100},
          {.status = "200", .stream_1_lives = true}},
      Row{"frames of unknown types",
          {.flood = h2::repeated(h2::frame(0xbb, 0xff, 3, "whatever"), 100), .flood_rounds = 100},
          {.status = "200", .stream_1_lives = true}},
  };
  check_all(rows);
}

}  // namespace
}  // namespace culvert::protocol
