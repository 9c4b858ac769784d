// What an HBONE peer can do wrong, as flags (the style of BoringSSL's BoGo): a peer is honest but
// for the flags that a row of a table sets, and a row says what the peer gets for it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tests/protocol/hbone_world.h"
#include "tests/support/peers/h2_frames.h"
#include "ztunnel/proxy/offences.h"

namespace culvert::protocol {

// How far a tunnel has come. A half is the first half of the bytes that belong there.
enum class Phase : std::uint8_t {
  tcp,
  half_hello,
  hello,  // and then the other end's flight is read and not answered
  half_finished,
  handshake,
  half_magic,
  magic,     // without SETTINGS
  settings,  // the preface is complete
  half_headers,
  connect,
  half_data,
  data,
  end_stream,
  never,
};

enum class Ending : std::uint8_t { stall, fin, reset };

// The honest client opens stream 1 to the server's application, is echoed some bytes there, and
// then opens stream 3, which is where it misbehaves.
struct ClientBugs {
  // TLS.
  Shows shows = Shows::rogue;
  std::uint16_t tls_version_max = 0x0304;  // TLS 1.3
  std::string alpn = "\x02h2";             // in wire form; empty: none
  std::string instead_of_tls = {};

  // Bytes.
  Phase stops_at = Phase::never;
  Ending ending = Ending::stall;
  Phase drips_from = Phase::never;  // from there on a byte a second
  bool reads = true;                // in HTTP/2
  bool answers_pings = true;

  // HTTP/2.
  std::string magic = std::string(h2::kMagic);
  std::string settings = h2::settings();
  bool uses_stream_1 = true;
  std::string request = h2::headers(3, h2::connect_block("10.0.0.2:8080"));
  std::string after = {};  // follows the request at once
  std::string flood = {};  // is sent over and over after that, until the tunnel ends
  std::uint32_t flood_opens_per_round = 0;  // streams that `request_of` opens in each round
  std::string (*request_of)(std::uint32_t stream) = nullptr;
  int flood_rounds = 1000;

  io::Duration stays = 200ms;  // without a word, after what it did; then it leaves in order
};

enum class End : std::uint8_t { none, fin, reset };

// What the client of ClientBugs gets.
struct Verdict {
  std::string status = {};                   // of stream 3
  std::optional<std::uint32_t> reset = {};   // of stream 3
  std::optional<std::uint32_t> goaway = {};  // an error; an orderly one is not noted
  std::string alert = {};
  End end = End::none;  // of the connection, before the client leaves
  io::Duration within = 1s;
  io::Duration not_before = 0s;
  bool stream_1_lives = false;  // is echoed after the misbehaviour as well
  std::optional<proxy::Offence> offence = {};
  std::optional<int> reaches = {};  // how often it reaches the application
};

struct Row {
  std::string name;
  ClientBugs bugs;
  Verdict verdict;
  Application application = Application::echoes;  // what the offenders reach
  int offenders = 5;                              // at the same time
};

// What one client saw.
struct Seen {
  std::string status;
  std::optional<std::uint32_t> reset;
  std::optional<std::uint32_t> goaway;
  std::string alert;
  End end = End::none;
  io::Duration ended_after{};
  std::size_t echoed_bytes = 0;  // on stream 1
  std::size_t peak_heap_bytes = 0;
};

inline constexpr std::size_t kSaidBefore = 6;  // bytes on stream 1
inline constexpr std::size_t kSaidAfter = 5;

// misbehave plays one client against the server of `world` until the tunnel has ended.
io::Task<> misbehave(HboneWorld& world, const ClientBugs& bugs, Seen& seen);

// check plays `row.offenders` such clients at once beside an honest connection and checks all that
// the table promises: what each gets; that the honest one's bytes keep flowing; one log line, the
// counter; and that nothing is left of them.
void check(const Row& row);

template <class Rows>
void check_all(const Rows& rows) {
  for (const Row& row : rows) {
    INFO("row: ", row.name);
    check(row);
  }
}

}  // namespace culvert::protocol
