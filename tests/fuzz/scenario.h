// Conversations of fuzz targets: on the simulated loop, to their end, with the log watched.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string_view>

#include "tests/support/sim.h"
#include "ztunnel/lib/base/assert.h"
#include "ztunnel/lib/net/stream.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::fuzz {

// watch_log makes the log check what the input made it write, instead of writing it: one line is
// one line, and nothing in it can move a cursor. Call it from LLVMFuzzerInitialize.
inline int watch_log() {
  static auto session = obs::setup({.sink = [](std::string_view line) {
    CULVERT_ASSERT(line.ends_with('\n') && line.size() <= obs::kLogLineBytesMax + 1);
    CULVERT_ASSERT(std::ranges::all_of(line.substr(0, line.size() - 1), [](unsigned char c) {
      return (c >= 0x20 && c != 0x7f) || c == '\t';
    }));
  }});
  return session ? 0 : 1;
}

// play runs `scenario` in the order drawn from `seed`: it must succeed, come to its end by itself,
// and leave no coroutine behind.
inline void play(const sim::Scenario& scenario, std::uint64_t seed) {
  const auto report = sim::run_seed(scenario, seed);
  for (const auto& problem : report.problems) {
    std::fprintf(stderr, "%s\n", problem.c_str());
  }
  CULVERT_ASSERT(report.problems.empty());
}

// Sizes cycles through a few sizes of pieces, so that what was made in one piece arrives in many.
class Pieces {
 public:
  explicit Pieces(std::uint8_t choice) : choice_(choice % kSizes.size()) {}
  std::size_t next(std::size_t left) {
    const std::size_t size = kSizes[choice_];
    choice_ = (choice_ + 1) % kSizes.size();
    return std::min(left, size);
  }

 private:
  static constexpr std::array<std::size_t, 6> kSizes = {1, 9, 64, 5, 4096, 3};
  std::size_t choice_;
};

// send_all writes `bytes` in pieces and, if asked to, ends the direction. With an odd `choice` each
// piece waits until everybody has done what they could with those before. A peer that ended the
// connection is no failure.
inline io::Task<> send_all(io::Loop& loop, net::Stream& to, Bytes bytes, std::uint8_t choice,
                           bool end) {
  Pieces pieces(choice);
  while (!bytes.empty()) {
    const auto piece = bytes.first(pieces.next(bytes.size()));
    if (!co_await io::as_result(to.write_all(piece))) {
      co_return;
    }
    bytes = bytes.subspan(piece.size());
    if (choice % 2 != 0) {
      co_await loop.sleep(std::chrono::nanoseconds(1));
    }
  }
  if (end) {
    (void)co_await io::as_result(to.shutdown_write());
  }
}

// receive_all reads until the end or the failure of the stream and gives what came.
inline io::Task<std::string> receive_all(net::Stream& from) {
  std::string all;
  std::array<std::uint8_t, 4096> buffer{};
  for (;;) {
    const auto count = co_await io::as_result(from.read_some(buffer));
    if (!count || *count == 0) {
      co_return all;
    }
    all += as_text({buffer.data(), *count});
  }
}

}  // namespace culvert::fuzz
