// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/net/copy.h"

#include <algorithm>
#include <memory>

namespace culvert::net {
namespace {

// A buffer that follows the traffic: it doubles when a read fills it, and goes back to its smallest
// size when that has long been enough.
class CopyBuffer {
 public:
  MutableBytes space() { return {bytes_.get(), size_}; }

  Bytes filled(std::size_t count) const { return {bytes_.get(), count}; }

  // Called between a write and the next read, when the buffer holds nothing.
  void learn_from(std::size_t count) {
    small_reads_ = count < size_ / 4 ? small_reads_ + 1 : 0;
    if (count == size_ && size_ < kCopyBufferBytesMax) {
      resize(size_ * 2);
    } else if (small_reads_ >= kCopySmallReadsBeforeShrink && size_ > kCopyBufferBytesMin) {
      resize(kCopyBufferBytesMin);
    }
  }

 private:
  void resize(std::size_t size) {
    size_ = size;
    small_reads_ = 0;
    bytes_ = std::make_unique_for_overwrite<std::uint8_t[]>(size_);
  }

  std::size_t size_ = kCopyBufferBytesMin;
  int small_reads_ = 0;
  std::unique_ptr<std::uint8_t[]> bytes_ = std::make_unique_for_overwrite<std::uint8_t[]>(size_);
};

io::Task<> copy_one_way(io::Loop& loop, Stream& from, Stream& to, std::atomic<std::uint64_t>& bytes,
                        bool& is_read) {
  CopyBuffer buffer;
  std::size_t since_yield = 0;
  for (;;) {
    is_read = true;
    const std::size_t count = co_await from.read_some(buffer.space());
    is_read = false;
    if (count == 0) {
      break;
    }
    co_await to.write_all(buffer.filled(count));
    bytes.fetch_add(count, std::memory_order_relaxed);
    buffer.learn_from(count);
    since_yield += count;
    if (since_yield >= kCopyBytesBeforeYield) {
      since_yield = 0;
      co_await loop.yield();
    }
  }
  co_await to.shutdown_write();
}

}  // namespace

io::Task<> copy_both(io::Loop& loop, Stream& a, Stream& b, CopyCounters& counters) {
  io::Scope directions(loop);
  directions.spawn(copy_one_way(loop, a, b, counters.a_to_b_bytes, counters.a_is_read));
  directions.spawn(copy_one_way(loop, b, a, counters.b_to_a_bytes, counters.b_is_read));
  auto ended = co_await as_result(directions.join());
  if (!ended) {
    a.reset();
    b.reset();
    co_await std::move(ended);
  }
}

}  // namespace culvert::net
