// copy_both: carries the bytes of a proxied connection, both ways, until both have ended.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/net/stream.h"

namespace culvert::net {

// A direction starts with a small buffer, because most connections are idle or small, and doubles
// it whenever a read fills it. 64 KiB is four TLS records; beyond that, throughput no longer grows.
constexpr std::size_t kCopyBufferBytesMin = 2 * 1024;
constexpr std::size_t kCopyBufferBytesMax = 64 * 1024;
// So many reads in a row that used less than a quarter give a grown buffer back.
constexpr int kCopySmallReadsBeforeShrink = 64;
// A direction that never has to wait lets others run after so many bytes: about 100 us of copying.
constexpr std::size_t kCopyBytesBeforeYield = 256 * 1024;

// What is going on in a copy. The counters grow while bytes flow, and other threads may read them.
struct CopyCounters {
  std::atomic<std::uint64_t> a_to_b_bytes{0};
  std::atomic<std::uint64_t> b_to_a_bytes{0};
  // A read of a, or of b, is under way, and would notice a reset. None is while the other side has
  // not taken what was read, and none after the end. For the loop's own thread.
  bool a_is_read = false;
  bool b_is_read = false;
};

// copy_both copies from each stream to the other. The end of one direction is passed on
// (shutdown_write) while the other goes on; it returns when both have ended. A failure of either
// direction, or cancellation, ends both: then both streams are reset, so that a peer never takes a
// cut connection for a complete one, and the failure is the result. `a`, `b` and `counters` must
// outlive the task. Suspends.
io::Task<> copy_both(io::Loop& loop, Stream& a, Stream& b, CopyCounters& counters);

}  // namespace culvert::net
