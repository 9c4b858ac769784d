// Servers that stop, end or are cut at every phase of a tunnel, or that drip their bytes.
// SPDX-License-Identifier: Apache-2.0
#include "tests/protocol/hbone_server_bugs.h"

namespace culvert::protocol {
namespace {

constexpr std::array kHandshakePhases = {
    std::pair{"nothing sent", ServerPhase::tcp},
    std::pair{"half of its flight", ServerPhase::half_flight},
};
constexpr std::array kUnansweredPhases = {
    std::pair{"a handshake without SETTINGS", ServerPhase::handshake},
    std::pair{"SETTINGS", ServerPhase::settings},
    std::pair{"a CONNECT that it does not answer", ServerPhase::request},
    std::pair{"half an answer", ServerPhase::half_answer},
};
constexpr std::array kAnsweredPhases = {std::pair{"an answer", ServerPhase::answer}};
constexpr std::array kCarryingPhases = {std::pair{"half a DATA", ServerPhase::half_data}};

template <class Phases>
void check_stops(const Phases& phases, const ServerBugs& bugs, const ServerVerdict& verdict) {
  for (const auto& [name, phase] : phases) {
    ServerRow row{name, bugs, verdict};
    row.bugs.stops_at = phase;
    INFO("row: ", row.name);
    check(row);
  }
}

TEST_CASE("a server that stalls in the handshake is left after 10 s") {
  check_stops(kHandshakePhases, {}, {.within = 11s, .not_before = 9900ms});
}

TEST_CASE("a server that stalls before its answer is left after 30 s at most") {
  check_stops(kUnansweredPhases, {}, {.within = 31s, .not_before = 9900ms});
}

TEST_CASE("a server that stalls later, and answers no PING, is left after 30 s") {
  check_stops(kAnsweredPhases, {}, {.within = 31s, .not_before = 19s});
  check_stops(kCarryingPhases, {}, {.got = "befor", .within = 31s, .not_before = 19s});
}

TEST_CASE("a server that ends or is cut resets its callers at once, in any phase") {
  for (const auto ending : {ServerEnding::fin, ServerEnding::reset}) {
    check_stops(kHandshakePhases, {.ending = ending}, {});
    check_stops(kUnansweredPhases, {.ending = ending}, {});
    check_stops(kAnsweredPhases, {.ending = ending}, {});
    check_stops(kCarryingPhases, {.ending = ending}, {.got = "befor"});
    check_stops(std::array{std::pair{"a DATA", ServerPhase::data}}, {.ending = ending},
                {.got = kSaid});
  }
}

TEST_CASE("a server that drips a byte a second has the deadlines of one that stalls") {
  const std::array rows = {
      ServerRow{"the handshake",
                {.drips_from = ServerPhase::half_flight},
                {.within = 11s, .not_before = 9900ms}},
      ServerRow{"the answer",
                {.drips_from = ServerPhase::half_answer},
                {.within = 31s, .not_before = 19s}},
  };
  check_all(rows);
}

}  // namespace
}  // namespace culvert::protocol
