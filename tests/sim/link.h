// Link: a simulated connection between two streams, with what a real network does to one: latency,
// short reads and writes, a bounded window, a cut, a stall. All of it is drawn from a seed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "ztunnel/lib/base/rng.h"
#include "ztunnel/lib/io/event.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/net/stream.h"

namespace culvert::sim {

// Weather is how a link behaves while nothing breaks.
struct Weather {
  io::Duration latency_min{};
  io::Duration latency_max{};
  std::size_t window_bytes = 0;  // on the way or unread, a direction
  std::uint64_t parts_max = 1;   // what one write may fall into; each part is a read of its own
};

// Link is shared by its two ends, which the code under test owns and destroys one by one, and by
// the network, which breaks it.
class Link : public std::enable_shared_from_this<Link> {
 public:
  // `couriers` runs what makes bytes arrive; it must be empty before `loop` and `rng` go.
  Link(io::Scope& couriers, Rng& rng, const Weather& weather)
      : couriers_(couriers), loop_(couriers.loop()), rng_(rng), weather_(weather) {}

  std::array<std::unique_ptr<net::Stream>, 2> ends();
  // watch_first calls `written` whenever the first end writes.
  void watch_first(std::function<void()> written) { first_written_ = std::move(written); }

  // cut resets both ends at once, as a conntrack that lost its entry does.
  void cut();
  // stall lets nothing arrive any more, for ever and without a sign.
  void stall() { stalled_ = true; }

  // Both ends were destroyed or reset: the code under test holds it no longer.
  bool over() const { return gone_[0] && gone_[1]; }

 private:
  friend class LinkEnd;
  enum class Kind : std::uint8_t { bytes, fin, rst };
  struct Segment {
    Kind kind = Kind::bytes;
    std::vector<std::uint8_t> bytes;
    std::size_t taken = 0;
  };
  // What travels from the end `side` to the other.
  struct Direction {
    std::deque<Segment> arrived;
    std::deque<Segment> travelling;
    std::size_t held_bytes = 0;
    io::TimePoint last_arrival{};
    bool ended = false;  // FIN or RST was sent
    io::Event changed;   // something arrived, was taken, or broke
  };

  void send(std::size_t side, Segment segment);
  void put(std::size_t side, Bytes bytes);
  void arrive(std::size_t side);
  void break_end(std::size_t side);
  io::Duration latency();
  static io::Task<> carry(std::shared_ptr<Link> link, std::size_t side, io::TimePoint when);

  io::Scope& couriers_;
  io::Loop& loop_;
  Rng& rng_;
  Weather weather_;
  std::array<Direction, 2> directions_;
  std::array<bool, 2> broken_{};  // the end saw a RST, or sent one
  std::array<bool, 2> gone_{};
  bool stalled_ = false;
  std::function<void()> first_written_;
};

}  // namespace culvert::sim
