// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/link.h"

#include <algorithm>

namespace culvert::sim {

// Parts that wait for a reader before it gets several at once. A FIN is always the last, so that
// what stands before kPiledUp others is bytes.
constexpr std::size_t kPiledUp = 4;

// One end. It sends into directions_[side_] and reads from the other.
class LinkEnd final : public net::Stream {
 public:
  LinkEnd(std::shared_ptr<Link> link, std::size_t side)
      : link_(std::move(link)),
        side_(side),
        out_(link_->directions_[side]),
        in_(link_->directions_[1 - side]) {}

  // As close() does: a FIN, or a RST if bytes were left unread.
  ~LinkEnd() override {
    const bool unread = std::ranges::any_of(
        in_.arrived, [](const auto& segment) { return segment.kind == Link::Kind::bytes; });
    if (unread) {
      reset();
    } else if (!out_.ended && !link_->broken_[side_]) {
      link_->send(side_, {.kind = Link::Kind::fin, .bytes = {}});
    }
    link_->gone_[side_] = true;
  }

  io::Task<std::size_t> read_some(MutableBytes into) override {
    CULVERT_ASSERT(!into.empty());
    co_await link_->loop_.yield();
    while (in_.arrived.empty()) {
      if (link_->broken_[side_]) {
        co_return fail(Errc::closed, "read: the connection was reset");
      }
      co_await in_.changed.wait();
    }
    if (in_.arrived.front().kind == Link::Kind::fin) {
      co_return std::size_t{0};
    }
    std::size_t count = take_segment(into);
    // A slow reader gets together what has piled up; else small parts would breed smaller ones.
    while (in_.arrived.size() > kPiledUp && count < into.size()) {
      count += take_segment(into.subspan(count));
    }
    in_.changed.notify_all();
    co_return count;
  }

  io::Task<> write_all(Bytes from) override {
    co_await link_->loop_.yield();
    for (;;) {
      if (link_->broken_[side_] || out_.ended) {
        co_await fail(Errc::closed, "write: the connection was reset or ended");
      }
      if (from.empty()) {
        co_return;
      }
      const auto room = link_->weather_.window_bytes - out_.held_bytes;
      if (room == 0) {
        co_await out_.changed.wait();
        continue;
      }
      const auto count = std::min(room, from.size());
      link_->put(side_, from.first(count));
      from = from.subspan(count);
    }
  }

  io::Task<> shutdown_write() override {
    co_await link_->loop_.yield();
    if (link_->broken_[side_]) {
      co_await fail(Errc::closed, "shutdown: the connection was reset");
    }
    if (!out_.ended) {
      link_->send(side_, {.kind = Link::Kind::fin, .bytes = {}});
    }
  }

  // Our side is over at once; the RST travels like everything else.
  void reset() override {
    if (!link_->broken_[side_]) {
      link_->send(side_, {.kind = Link::Kind::rst, .bytes = {}});
      in_.arrived.clear();
      link_->break_end(side_);
    }
    link_->gone_[side_] = true;
  }

  bool broken() const override { return link_->broken_[side_]; }

 private:
  // Takes what fits of the first segment, which holds bytes.
  std::size_t take_segment(MutableBytes into) {
    Link::Segment& segment = in_.arrived.front();
    const auto count = std::min(into.size(), segment.bytes.size() - segment.taken);
    std::copy_n(segment.bytes.begin() + static_cast<std::ptrdiff_t>(segment.taken), count,
                into.begin());
    segment.taken += count;
    in_.held_bytes -= count;
    if (segment.taken == segment.bytes.size()) {
      in_.arrived.pop_front();
    }
    return count;
  }

  std::shared_ptr<Link> link_;
  std::size_t side_;
  Link::Direction& out_;
  Link::Direction& in_;
};

std::array<std::unique_ptr<net::Stream>, 2> Link::ends() {
  return {std::make_unique<LinkEnd>(shared_from_this(), 0),
          std::make_unique<LinkEnd>(shared_from_this(), 1)};
}

void Link::cut() {
  stalled_ = true;
  for (auto& direction : directions_) {
    direction.arrived.clear();
  }
  break_end(0);
  break_end(1);
}

io::Duration Link::latency() {
  const auto range =
      static_cast<std::uint64_t>((weather_.latency_max - weather_.latency_min).count());
  return weather_.latency_min + io::Duration(static_cast<std::int64_t>(rng_.below(range + 1)));
}

// Cuts `bytes` at drawn fractions and not at drawn places, so that a signature that is a byte
// longer or shorter (ECDSA's are) draws no other numbers.
void Link::put(std::size_t side, Bytes bytes) {
  if (side == 0 && first_written_ != nullptr) {
    first_written_();
  }
  const auto parts = 1 + rng_.below(weather_.parts_max);
  for (auto left = parts; left > 0; --left) {
    const auto percent = left == 1 ? 100 : rng_.below(101);
    const auto part = bytes.first(bytes.size() * percent / 100);
    if (!part.empty()) {
      directions_[side].held_bytes += part.size();
      send(side, {.kind = Kind::bytes, .bytes = {part.begin(), part.end()}});
    }
    bytes = bytes.subspan(part.size());
  }
}

void Link::send(std::size_t side, Segment segment) {
  Direction& direction = directions_[side];
  direction.ended = direction.ended || segment.kind != Kind::bytes;
  direction.travelling.push_back(std::move(segment));
  direction.last_arrival = std::max(direction.last_arrival, loop_.now() + latency());
  couriers_.spawn(carry(shared_from_this(), side, direction.last_arrival));
}

io::Task<> Link::carry(std::shared_ptr<Link> link, std::size_t side, io::TimePoint when) {
  co_await link->loop_.sleep_until(when);
  link->arrive(side);
}

void Link::arrive(std::size_t side) {
  Direction& direction = directions_[side];
  if (stalled_ || direction.travelling.empty()) {
    return;
  }
  Segment segment = std::move(direction.travelling.front());
  direction.travelling.pop_front();
  const std::size_t receiver = 1 - side;
  if (broken_[receiver]) {
    return;
  }
  if (segment.kind == Kind::rst) {
    break_end(receiver);  // what arrived before it can still be read
    return;
  }
  if (gone_[receiver] && segment.kind == Kind::bytes) {
    // Nobody is there any more to read it: the answer is a RST.
    directions_[receiver].ended = false;
    send(receiver, {.kind = Kind::rst, .bytes = {}});
    broken_[receiver] = true;
    return;
  }
  direction.arrived.push_back(std::move(segment));
  direction.changed.notify_all();
}

void Link::break_end(std::size_t side) {
  broken_[side] = true;
  for (auto& direction : directions_) {
    direction.changed.notify_all();
  }
}

}  // namespace culvert::sim
