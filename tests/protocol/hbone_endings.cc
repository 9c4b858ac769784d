// Clients that stop, end or are cut at every phase of a tunnel, that drip their bytes, or that say
// GOAWAY where nobody expects it.
// SPDX-License-Identifier: Apache-2.0
#include "tests/protocol/hbone_bugs.h"

namespace culvert::protocol {
namespace {

using proxy::Offence;

constexpr std::array kHandshakePhases = {
    std::pair{"nothing sent", Phase::tcp},
    std::pair{"half a ClientHello", Phase::half_hello},
    std::pair{"a ClientHello", Phase::hello},
    std::pair{"half of the last flight", Phase::half_finished},
};
constexpr std::array kPrefacePhases = {
    std::pair{"a handshake", Phase::handshake},
    std::pair{"half of the magic", Phase::half_magic},
    std::pair{"the magic without SETTINGS", Phase::magic},
};
constexpr std::array kHttp2Phases = {
    std::pair{"a preface", Phase::settings}, std::pair{"half a HEADERS", Phase::half_headers},
    std::pair{"a CONNECT", Phase::connect},  std::pair{"half a DATA", Phase::half_data},
    std::pair{"a DATA", Phase::data},        std::pair{"END_STREAM", Phase::end_stream},
};

template <class Phases>
void check_stops(const Phases& phases, const ClientBugs& bugs, const Verdict& verdict) {
  for (const auto& [name, phase] : phases) {
    Row row{name, bugs, verdict};
    row.bugs.stops_at = phase;
    if (phase >= Phase::connect) {
      row.verdict.status = "200";
    }
    INFO("row: ", row.name);
    check(row);
  }
}

TEST_CASE("a client that stalls in any flight of the handshake is cut after 10 s") {
  check_stops(kHandshakePhases, {},
              {.end = End::reset,
               .within = 10500ms,
               .not_before = 9900ms,
               .offence = Offence::handshake_timeout});
}

TEST_CASE("a client that stalls before its SETTINGS is cut after 10 s") {
  check_stops(kPrefacePhases, {},
              {.end = End::fin, .within = 12s, .not_before = 9900ms, .offence = Offence::silence});
}

TEST_CASE("a client that stalls later, and answers no PING, is cut after 30 s") {
  check_stops(kHttp2Phases, {.answers_pings = false},
              {.end = End::fin, .within = 31s, .not_before = 29s, .offence = Offence::silence});
}

TEST_CASE("a client that is silent but answers PINGs keeps its tunnel") {
  check_stops(
      std::array{std::pair{"a preface", Phase::settings}, std::pair{"a CONNECT", Phase::connect}},
      {}, {});
}

TEST_CASE("a client that ends in mid-handshake is forgotten at once") {
  check_stops(kHandshakePhases, {.ending = Ending::fin},
              {.end = End::fin, .offence = Offence::handshake_cut});
}

TEST_CASE("a client that is cut in mid-handshake is forgotten at once") {
  check_stops(kHandshakePhases, {.ending = Ending::reset},
              {.end = End::reset, .offence = Offence::handshake_cut});
}

TEST_CASE("a client that ends after the handshake takes its streams along, and offends nobody") {
  check_stops(kPrefacePhases, {.ending = Ending::fin}, {.end = End::fin});
  check_stops(kHttp2Phases, {.ending = Ending::fin}, {.end = End::fin});
}

TEST_CASE("a client that is cut after the handshake takes its streams along, and offends nobody") {
  check_stops(kPrefacePhases, {.ending = Ending::reset}, {.end = End::reset});
  check_stops(kHttp2Phases, {.ending = Ending::reset}, {.end = End::reset});
}

TEST_CASE("a client that drips a byte a second has the deadlines of one that stalls") {
  const std::array rows = {
      Row{"the ClientHello",
          {.drips_from = Phase::tcp},
          {.end = End::reset,
           .within = 12s,
           .not_before = 9900ms,
           .offence = Offence::handshake_timeout}},
      Row{"the last flight",
          {.drips_from = Phase::hello},
          {.end = End::reset,
           .within = 12s,
           .not_before = 9900ms,
           .offence = Offence::handshake_timeout}},
      Row{"the preface",
          {.drips_from = Phase::handshake},
          {.end = End::fin, .within = 12s, .not_before = 9900ms, .offence = Offence::silence}},
      // TLS gives nothing before a record is whole, and 22 bytes of a record are not its content.
      Row{"a CONNECT",
          {.drips_from = Phase::settings, .uses_stream_1 = false},
          {.end = End::reset, .within = 41s, .not_before = 29s, .offence = Offence::silence}},
  };
  check_all(rows);
}

TEST_CASE("a client's GOAWAY ends no stream in any phase") {
  const Verdict lives = {.status = "200", .stream_1_lives = true};
  const auto connect = h2::headers(3, h2::connect_block("10.0.0.2:8080"));
  const std::array rows = {
      Row{"with its SETTINGS", {.settings = h2::settings() + h2::goaway(0)}, lives},
      Row{"before the CONNECT", {.request = h2::goaway(0) + connect}, lives},
      Row{"behind the CONNECT", {.after = h2::goaway(0)}, lives},
      Row{"amid the bytes", {.after = h2::data(3, "a") + h2::goaway(0) + h2::data(3, "b")}, lives},
      Row{"twice, with an error",
          {.after = h2::goaway(0) + h2::goaway(0, h2::kInternalError)},
          lives},
  };
  check_all(rows);
}

TEST_CASE("a client's GOAWAY before its SETTINGS is no preface") {
  const std::array rows = {
      Row{"GOAWAY instead of SETTINGS",
          {.settings = h2::goaway(0)},
          {.goaway = h2::kProtocolError, .end = End::fin, .within = 2s, .offence = Offence::http2}},
  };
  check_all(rows);
}

}  // namespace
}  // namespace culvert::protocol
