// Flow: one application's connection to another: what both ends plan to do, and what happened.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/io/loop.h"

namespace culvert::sim {

// How one direction ended, as its writer or its reader knows it.
enum class End : std::uint8_t { none, fin, rst };

constexpr std::string_view name(End end) {
  return end == End::none ? "none" : end == End::fin ? "FIN" : "RST";
}

// What one end does. With End::none it sends its FIN when the other end's came: an idle connection
// where both do.
struct Plan {
  std::size_t bytes = 0;
  std::size_t chunk_bytes = 1;
  io::Duration write_pause{};  // between two chunks
  io::Duration read_pause{};   // between two reads: a slow reader
  End end = End::fin;
};

struct Side {
  Plan plan;
  std::size_t sent = 0;  // offered to the stream
  std::size_t received = 0;
  End sent_end = End::none;
  End seen_end = End::none;
  bool present = false;  // for the server: its application was reached and read who calls
  bool done = false;
};

constexpr std::size_t kClient = 0;
constexpr std::size_t kServer = 1;
constexpr std::size_t kNameBytes = 8;  // a flow's number, the first that its client sends

struct Flow {
  std::uint64_t number = 0;
  std::size_t source = 0;       // who, as index into the cast
  std::size_t destination = 0;  // likewise
  SocketAddress from;
  SocketAddress to;
  io::TimePoint began{};
  io::TimePoint done_at{};  // of the later end
  std::array<Side, 2> sides;
  int log_lines = 0;
  std::string log_line;  // the last

  bool idle() const {
    return sides[kClient].plan.end == End::none && sides[kServer].plan.end == End::none;
  }
  bool done() const { return sides[kClient].done && (!sides[kServer].present || server_done()); }
  bool server_done() const { return sides[kServer].done; }
  // Both ends got all that the other sent, and its FIN.
  bool whole() const {
    const auto complete = [](const Side& to_side, const Side& of) {
      return of.sent_end == End::fin && to_side.seen_end == End::fin &&
             to_side.received == of.plan.bytes;
    };
    return complete(sides[kServer], sides[kClient]) && complete(sides[kClient], sides[kServer]);
  }
};

// The byte at `place` of a direction of a flow: one that is lost, doubled or of another flow shows.
inline std::uint8_t byte_at(const Flow& flow, std::size_t sender, std::size_t place) {
  const auto mixed = static_cast<std::uint32_t>(place) * 0x9E3779B1U +
                     static_cast<std::uint32_t>(flow.number) * 0x85EBCA6BU +
                     static_cast<std::uint32_t>(sender) * 0xC2B2AE35U;
  return static_cast<std::uint8_t>(mixed >> 24U);
}

}  // namespace culvert::sim
