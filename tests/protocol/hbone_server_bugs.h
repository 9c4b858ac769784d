// What an HBONE server can do wrong, as flags: it is honest but for those that a row of a table
// sets, and the row says what the application that called it gets.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/protocol/hbone_world.h"
#include "tests/support/peers/h2_frames.h"

namespace culvert::protocol {

// How far a tunnel has come, seen from the server.
enum class ServerPhase : std::uint8_t {
  tcp,
  half_flight,
  handshake,  // its one flight is sent
  settings,
  request,  // the CONNECT has come
  half_answer,
  answer,
  half_data,
  data,
  never,
};

enum class ServerEnding : std::uint8_t { stall, fin, reset };

inline const std::string kStatus200 = h2::literal(":status", "200");

// The honest server answers 200 on stream 1 and sends back what comes.
struct ServerBugs {
  Shows shows = Shows::rogue;
  std::uint16_t tls_version_max = 0x0304;  // TLS 1.3
  std::string alpn = "\x02h2";             // in wire form
  std::string instead_of_tls = {};

  ServerPhase stops_at = ServerPhase::never;
  ServerEnding ending = ServerEnding::stall;
  ServerPhase drips_from = ServerPhase::never;  // from there on a byte a second
  bool answers_pings = true;
  bool echoes = true;

  std::string settings = h2::settings();
  std::string answer = h2::headers(1, kStatus200);
  std::string after = {};  // follows the answer at once
  std::string flood = {};  // is sent over and over after that, until the tunnel ends
};

enum class AppEnd : std::uint8_t { none, fin, reset };

// What the application gets, which has written `kSaid` and reads.
struct ServerVerdict {
  std::string got = {};
  AppEnd end = AppEnd::reset;
  io::Duration within = 1s;
  io::Duration not_before = 0s;
  std::optional<int> tunnels = {};  // how many each caller has the server try
  // What the server gets, while the caller is there.
  std::string alert = {};
  std::optional<std::uint32_t> reset = {};   // of stream 1
  std::optional<std::uint32_t> goaway = {};  // an error
};

inline const std::string kSaid = "before";

struct ServerRow {
  std::string name;
  ServerBugs bugs;
  ServerVerdict verdict;
};

// check lets several connections call such a server beside an honest one and checks what the row
// promises: what each gets; that the honest bytes keep flowing; a log line with the cause and a
// count for each connection that failed; and that nothing is left of them.
void check(const ServerRow& row);

template <class Rows>
void check_all(const Rows& rows) {
  for (const ServerRow& row : rows) {
    INFO("row: ", row.name);
    check(row);
  }
}

}  // namespace culvert::protocol
