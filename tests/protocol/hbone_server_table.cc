// Servers that our outbound has to bear: what the application gets that called one.
// SPDX-License-Identifier: Apache-2.0
#include "tests/protocol/hbone_server_bugs.h"

namespace culvert::protocol {
namespace {

ServerVerdict cut(std::uint32_t goaway) {
  return {.goaway = goaway};
}

TEST_CASE("a server without the right certificate gets an alert, and its caller a reset") {
  const std::array rows = {
      ServerRow{
          "another pod's identity", {.shows = Shows::someone_else}, {.alert = "handshake failure"}},
      ServerRow{
          "another trust domain", {.shows = Shows::foreign_domain}, {.alert = "handshake failure"}},
      ServerRow{"two SPIFFE names", {.shows = Shows::two_names}, {.alert = "handshake failure"}},
      ServerRow{"no SPIFFE name", {.shows = Shows::no_name}, {.alert = "handshake failure"}},
      ServerRow{"a SPIFFE name of another form",
                {.shows = Shows::odd_name},
                {.alert = "handshake failure"}},
      ServerRow{"expired", {.shows = Shows::expired}, {.alert = "certificate expired"}},
      ServerRow{"not yet valid", {.shows = Shows::not_yet_valid}, {.alert = "certificate expired"}},
      ServerRow{"the usage of clients alone",
                {.shows = Shows::other_usage},
                {.alert = "unsupported certificate"}},
      ServerRow{"of an unknown root", {.shows = Shows::unknown_root}, {.alert = "unknown CA"}},
  };
  check_all(rows);
}

TEST_CASE("a server that speaks other TLS, or none, is left at its first bytes") {
  const std::array rows = {
      ServerRow{"TLS 1.2", {.tls_version_max = 0x0303}, {}},
      ServerRow{
          "HTTP/1.1 in plaintext", {.instead_of_tls = "HTTP/1.1 400 Bad Request\r\n\r\n"}, {}},
      ServerRow{"noise", {.instead_of_tls = std::string(300, '\xff')}, {}},
  };
  check_all(rows);
}

TEST_CASE("an answer that is none, or no, resets the caller") {
  const auto answers = [](const std::string& block, bool end = false) {
    return ServerBugs{.echoes = !end, .answer = h2::headers(1, block, end)};
  };
  const ServerVerdict refused = {.reset = h2::kProtocolError};
  const std::array rows = {
      ServerRow{"401", answers(h2::literal(":status", "401"), true), {.reset = h2::kConnectError}},
      ServerRow{"503", answers(h2::literal(":status", "503"), true), {.reset = h2::kConnectError}},
      ServerRow{"200 without an end of header fields that make sense",
                answers(kStatus200 + h2::literal("Upper", "case")), refused},
      ServerRow{"no :status", answers(h2::literal("server", "x")), refused},
      ServerRow{":status twice", answers(kStatus200 + kStatus200), refused},
      ServerRow{":status of letters", answers(h2::literal(":status", "abc")), refused},
      ServerRow{":path in an answer", answers(h2::literal(":path", "/") + kStatus200), refused},
      ServerRow{"DATA before the answer", {.answer = h2::data(1, "x")}, cut(h2::kProtocolError)},
  };
  check_all(rows);
}

TEST_CASE("a frame that HTTP/2 forbids ends the tunnel and resets the caller") {
  const auto sends = [](const std::string& bytes) { return ServerBugs{.answer = bytes}; };
  const std::array rows = {
      ServerRow{"no HTTP/2 at all",
                {.settings = "HTTP/1.1 400 Bad Request\r\n\r\n"},
                cut(h2::kProtocolError)},
      ServerRow{"an answer before SETTINGS",
                {.settings = h2::headers(1, kStatus200)},
                cut(h2::kProtocolError)},
      ServerRow{"an answer on an idle stream", sends(h2::headers(3, kStatus200)),
                cut(h2::kProtocolError)},
      ServerRow{"PUSH_PROMISE",
                sends(h2::frame(h2::kPushPromise, h2::kEndHeaders, 1, h2::number(2))),
                cut(h2::kProtocolError)},
      ServerRow{"DATA on no stream", sends(h2::data(0, "x")), cut(h2::kProtocolError)},
      ServerRow{"WINDOW_UPDATE by 0", sends(h2::window_update(0, 0)), cut(h2::kProtocolError)},
      ServerRow{"a window of 2^31", sends(h2::settings(h2::setting(4, 0x80000000))),
                cut(h2::kFlowControlError)},
      ServerRow{"a window that overflows", sends(h2::repeated(h2::window_update(0, 0x7fffffff), 2)),
                cut(h2::kFlowControlError)},
      ServerRow{"a frame of 16,385 bytes", sends(h2::data(1, std::string(16'385, 'x'))),
                cut(h2::kFrameSizeError)},
      ServerRow{"a header block that HPACK forbids",
                sends(h2::headers(1, "\xff\xff\xff\xff\xff\xff")), cut(h2::kCompressionError)},
      ServerRow{
          "CONTINUATION without end",
          {.answer = h2::frame(h2::kHeaders, 0, 1, kStatus200),
           .flood = h2::repeated(
               h2::frame(h2::kContinuation, 0, 1, h2::literal("a", std::string(1000, 'b'))), 16)},
          {}},
      ServerRow{"PINGs without end", {.flood = h2::repeated(h2::ping(), 1000)}, {}},
      ServerRow{"SETTINGS without end", {.flood = h2::repeated(h2::settings(), 1000)}, {}},
  };
  check_all(rows);
}

TEST_CASE(
    "what a server's reset means reaches the caller, and one that refuses unseen is tried three "
    "times") {
  const auto after = [](const std::string& bytes) {
    return ServerBugs{.echoes = false, .after = bytes};
  };
  const auto instead = [](const std::string& bytes) { return ServerBugs{.answer = bytes}; };
  const std::array rows = {
      ServerRow{"CONNECT_ERROR", after(h2::reset(1, h2::kConnectError)), {}},
      ServerRow{"INTERNAL_ERROR", after(h2::reset(1, h2::kInternalError)), {}},
      ServerRow{"CANCEL before the answer", instead(h2::reset(1, h2::kCancel)), {}},
      ServerRow{"END_STREAM with the answer",
                {.echoes = false, .answer = h2::headers(1, kStatus200, true)},
                {.end = AppEnd::fin}},
      ServerRow{"REFUSED_STREAM", instead(h2::reset(1, h2::kRefusedStream)), {}},
  };
  check_all(rows);
}

TEST_CASE("a server's GOAWAY ends no stream that it has taken, in any phase") {
  const ServerVerdict lives = {.got = kSaid, .end = AppEnd::none};
  const ServerVerdict tried_again = {.tunnels = 3};
  const std::array rows = {
      ServerRow{"that takes all, with its SETTINGS",
                {.settings = h2::settings() + h2::goaway(0x7fffffff)},
                lives},
      ServerRow{"that takes none, with its SETTINGS",
                {.settings = h2::settings() + h2::goaway(0)},
                tried_again},
      ServerRow{"before the answer", {.answer = h2::goaway(1) + h2::headers(1, kStatus200)}, lives},
      ServerRow{"before the answer, unseen", {.answer = h2::goaway(0)}, tried_again},
      ServerRow{"behind the answer", {.after = h2::goaway(1)}, lives},
      ServerRow{"twice", {.after = h2::goaway(0x7fffffff) + h2::goaway(1)}, lives},
  };
  check_all(rows);
}

TEST_CASE(
    "a server that allows no window for ever holds up its own callers alone, and only while they "
    "stay") {
  check(ServerRow{
      "a window of 0", {.settings = h2::settings(h2::setting(4, 0))}, {.end = AppEnd::none}});
}

}  // namespace
}  // namespace culvert::protocol
