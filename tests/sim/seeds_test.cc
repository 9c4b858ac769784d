// The whole proxy, in a thousand worlds drawn from as many seeds (tests/README.md, Simulation).
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "tests/sim/run.h"

namespace culvert::sim {
namespace {

constexpr std::uint64_t kSeeds = 1'000;
constexpr std::uint64_t kProcesses = 2;    // more gain nothing where two cores are
constexpr std::uint64_t kFailuresMax = 5;  // of a process; then there is enough to look at
constexpr std::uint64_t kSameTwice = 25;   // seeds that are played twice

std::optional<std::uint64_t> number_in(const char* variable) {
  const char* text = std::getenv(variable);
  return text != nullptr ? std::optional(std::strtoull(text, nullptr, 10)) : std::nullopt;
}

// What a process tells its parent: the seed it is about to play, and what came of it.
struct Message {
  std::uint64_t seed = 0;
  bool played = false;
  std::uint64_t problems = 0;
  Totals totals;
};

[[noreturn]] void play_some(std::uint64_t first, std::uint64_t count, int out) {
  for (std::uint64_t seed = first; seed < count; seed += kProcesses) {
    Message message{.seed = seed, .totals = {}};
    (void)!::write(out, &message, sizeof message);
    const Played played = play_seed(seed);
    message.played = true;
    message.problems = played.problems.size();
    message.totals = played.totals;
    (void)!::write(out, &message, sizeof message);
  }
  ::close(out);
  std::exit(0);  // with the leak check of the sanitizer
}

// Plays the seeds first, first + kProcesses, …; a process that dies in a seed is followed by one
// that goes on behind it.
class Player {
 public:
  Player(std::uint64_t first, std::uint64_t count) : next_(first), count_(count) { start(); }

  // end waits for the rest.
  void end(Totals& totals) {
    Message message;
    for (;;) {
      while (::read(in_, &message, sizeof message) == static_cast<ssize_t>(sizeof message)) {
        take(message, totals);
      }
      ::close(in_);
      int status = 0;
      ::waitpid(process_, &status, 0);
      if (status == 0) {
        return;
      }
      if (next_ >= count_ && !playing_) {
        MESSAGE("a process ended badly after its last seed (a leak?), status " << status);
        CHECK(status == 0);
        return;
      }
      failed(message.seed);
      if (failures_ == kFailuresMax) {
        return;
      }
      start();
    }
  }

 private:
  void start() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    playing_ = false;
    std::fflush(nullptr);
    process_ = ::fork();
    REQUIRE(process_ >= 0);
    if (process_ == 0) {
      ::close(ends[0]);
      play_some(next_, count_, ends[1]);
    }
    ::close(ends[1]);
    in_ = ends[0];
  }

  void take(const Message& message, Totals& totals) {
    playing_ = !message.played;
    next_ = message.seed + kProcesses;
    if (message.played) {
      totals.add(message.totals);
      if (message.problems > 0) {
        failed(message.seed);
      }
    }
  }

  void failed(std::uint64_t seed) {
    ++failures_;
    FAIL_CHECK("seed " << seed << " fails; replay it with: tools/test sim --seed " << seed);
  }

  std::uint64_t next_;
  std::uint64_t count_;
  std::uint64_t failures_ = 0;
  bool playing_ = false;
  pid_t process_ = -1;
  int in_ = -1;
};

}  // namespace

TEST_CASE(
    "whatever the network and the mesh do, every connection is carried or ends with a cause") {
  if (const auto seed = number_in("CULVERT_SIM_SEED")) {
    CHECK(play_seed(*seed, true).problems.empty());
    return;
  }
  const auto count = number_in("CULVERT_SIM_SEEDS").value_or(kSeeds);
  const auto began = std::chrono::steady_clock::now();
  Totals totals;
  {
    Player even(0, count);
    Player odd(1, count);
    even.end(totals);
    odd.end(totals);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  fmt::print(
      "sim: {} seeds, {} connections ({} whole), {} resets, {} tunnels, {} bytes, {:.1f} s\n",
      count, totals.connections, totals.whole, totals.resets, totals.tunnels, totals.bytes,
      took.count());
}

TEST_CASE("the same seed is the same run") {
  for (std::uint64_t seed = 0; seed < kSameTwice; ++seed) {
    const Played first = play_seed(seed);
    const Played second = play_seed(seed);
    CHECK(first.trace.size() == second.trace.size());
    CHECK_MESSAGE(first.trace == second.trace, "seed " << seed << " ran differently");
  }
}

}  // namespace culvert::sim
