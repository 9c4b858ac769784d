// Runs scenarios on the simulated loop: to their end, and again and again, cancelled at every
// suspension, which is what makes coroutine code trustworthy.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "ztunnel/lib/io/sim_loop.h"

namespace culvert::sim {

// A scenario is a coroutine that sets up what it needs on `loop`, plays, and fails if something is
// not as it should be. All that it starts must have ended when it ends.
using Scenario = std::function<io::Task<>(io::SimLoop& loop)>;

struct Report {
  std::uint64_t suspensions = 0;      // of the run that nobody cancelled
  std::vector<std::string> problems;  // empty if all is well; each names the run
};

// A scenario that still turns after so many turns hangs: it ignores its cancellation in a loop.
constexpr int kTurnsMax = 1'000'000;

namespace internal {

// Turns `loop` until `scope` is empty. False if nothing could happen any more before that.
inline bool turn_until_empty(io::SimLoop& loop, const io::Scope& scope, const std::string& run) {
  for (int turns = 0; !scope.empty(); ++turns) {
    if (turns == kTurnsMax) {
      // Its frames can't be taken from it, so there is no way on.
      std::fprintf(stderr, "%s: a fiber runs for ever and ignores its cancellation\n", run.c_str());
      std::abort();
    }
    if (!loop.turn()) {
      return false;
    }
  }
  return true;
}

inline io::Task<> note_result(io::Task<> task, std::optional<Result<>>& result) {
  result.emplace(co_await as_result(std::move(task)));
}

// One run; true if it ended before the `n`-th suspension, so that nothing was cancelled.
inline bool run_once(const Scenario& scenario, io::SimLoop& loop, std::optional<std::uint64_t> n,
                     const std::string& run, Report& report) {
  const auto problem = [&](const std::string& what) {
    report.problems.push_back(run + ": " + what);
  };
  const auto frames_before = io::frame_census().live;
  std::optional<Result<>> result;
  bool cancelled = false;
  {
    io::Scope scope(loop);
    if (n) {
      loop.cancel_at(*n, scope);
    }
    scope.spawn(note_result(scenario(loop), result));
    if (!turn_until_empty(loop, scope, run)) {
      problem("blocked: fibers wait, and nothing that could wake them is left");
      cancelled = true;
      scope.cancel();
      if (!turn_until_empty(loop, scope, run)) {
        std::fprintf(stderr, "%s: blocked even after its cancellation\n", run.c_str());
        std::abort();
      }
    }
  }
  if (!cancelled && !loop.has_cancelled() && !*result) {
    problem("failed: " + to_string(result->error()));
  }
  if (const auto left = io::frame_census().live - frames_before; left != 0) {
    problem(std::to_string(left) + " coroutine frames leaked");
  }
  return !loop.has_cancelled();
}

}  // namespace internal

// run_seed plays `scenario` once, in the order of what is ready that `seed` gives.
inline Report run_seed(const Scenario& scenario, std::uint64_t seed) {
  Report report;
  io::SimLoop loop(seed);
  internal::run_once(scenario, loop, std::nullopt, "seed " + std::to_string(seed), report);
  report.suspensions = loop.suspensions();
  return report;
}

// run_to_end plays `scenario` once for each of `seeds` orders of what is ready.
inline Report run_to_end(const Scenario& scenario, std::uint64_t seeds = 1) {
  Report report;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    auto one = run_seed(scenario, seed);
    report.problems.insert(report.problems.end(), one.problems.begin(), one.problems.end());
    report.suspensions = one.suspensions;
  }
  return report;
}

// cancel_everywhere plays `scenario` with its root scope cancelled at the suspension 0, then 1, and
// so on, until it ends without having been cancelled; it then must succeed. It checks that no run
// blocks, hangs or leaks a frame; descriptors are counted by the tests' main.
inline Report cancel_everywhere(const Scenario& scenario,
                                std::optional<std::uint64_t> seed = std::nullopt) {
  Report report;
  for (std::uint64_t n = 0;; ++n) {
    const auto loop = seed ? std::make_unique<io::SimLoop>(*seed) : std::make_unique<io::SimLoop>();
    const std::string run = "cancelled at suspension " + std::to_string(n);
    if (internal::run_once(scenario, *loop, n, run, report)) {
      report.suspensions = loop->suspensions();
      return report;
    }
  }
}

}  // namespace culvert::sim
