// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/net/pipe_stream.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "ztunnel/lib/io/event.h"

namespace culvert::net {
namespace {

// One direction: a ring of bytes between a writer and a reader.
class Channel {
 public:
  explicit Channel(std::size_t capacity) : ring_(capacity) { CULVERT_ASSERT(capacity > 0); }

  bool empty() const { return count_ == 0; }
  bool full() const { return count_ == ring_.size(); }

  std::size_t take(MutableBytes into) {
    const std::size_t count = std::min({into.size(), count_, ring_.size() - first_});
    std::memcpy(into.data(), ring_.data() + first_, count);
    first_ = (first_ + count) % ring_.size();
    count_ -= count;
    return count;
  }

  std::size_t put(Bytes from) {
    const std::size_t place = (first_ + count_) % ring_.size();
    const std::size_t free = ring_.size() - count_;
    const std::size_t count = std::min({from.size(), free, ring_.size() - place});
    std::memcpy(ring_.data() + place, from.data(), count);
    count_ += count;
    return count;
  }

  bool ended = false;        // the writer sent its end
  bool reader_gone = false;  // what is written from now on is answered by a reset
  io::Event changed;

 private:
  std::vector<std::uint8_t> ring_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
};

struct Connection {
  explicit Connection(std::size_t capacity) : directions{Channel(capacity), Channel(capacity)} {}
  std::array<Channel, 2> directions;
  bool is_reset = false;

  void wake_all() {
    for (auto& direction : directions) {
      direction.changed.notify_all();
    }
  }
};

class PipeStream final : public Stream {
 public:
  PipeStream(io::Loop& loop, std::shared_ptr<Connection> connection, std::size_t side)
      : loop_(loop),
        connection_(std::move(connection)),
        in_(connection_->directions[1 - side]),
        out_(connection_->directions[side]) {}

  ~PipeStream() override {
    if (!in_.empty()) {
      connection_->is_reset = true;
    }
    in_.reader_gone = true;
    out_.ended = true;
    connection_->wake_all();
  }

  io::Task<std::size_t> read_some(MutableBytes into) override {
    CULVERT_ASSERT(!into.empty());
    co_await loop_.yield();
    while (true) {
      if (connection_->is_reset) {
        co_return fail(Errc::closed, "read: the connection was reset");
      }
      if (!in_.empty()) {
        const std::size_t count = in_.take(into);
        in_.changed.notify_all();
        co_return count;
      }
      if (in_.ended) {
        co_return std::size_t{0};
      }
      co_await in_.changed.wait();
    }
  }

  io::Task<> write_all(Bytes from) override {
    co_await loop_.yield();
    while (true) {
      if (out_.reader_gone) {
        connection_->is_reset = true;
        connection_->wake_all();
      }
      if (connection_->is_reset || out_.ended) {
        co_await fail(Errc::closed, "write: the connection was reset or ended");
      }
      if (from.empty()) {
        co_return;
      }
      if (out_.full()) {
        co_await out_.changed.wait();
        continue;
      }
      from = from.subspan(out_.put(from));
      out_.changed.notify_all();
    }
  }

  io::Task<> shutdown_write() override {
    co_await loop_.yield();
    if (connection_->is_reset) {
      co_await fail(Errc::closed, "shutdown: the connection was reset");
    }
    out_.ended = true;
    out_.changed.notify_all();
  }

  void reset() override {
    connection_->is_reset = true;
    connection_->wake_all();
  }

  bool broken() const override { return connection_->is_reset; }

 private:
  io::Loop& loop_;
  // Shared by the two ends alone, which code under test owns and destroys one by one.
  std::shared_ptr<Connection> connection_;
  Channel& in_;
  Channel& out_;
};

}  // namespace

std::array<std::unique_ptr<Stream>, 2> make_pipe(io::Loop& loop, std::size_t capacity) {
  auto connection = std::make_shared<Connection>(capacity);
  return {std::make_unique<PipeStream>(loop, connection, 0),
          std::make_unique<PipeStream>(loop, connection, 1)};
}

}  // namespace culvert::net
