// SimLoop: a loop without a kernel, for tests. Time is virtual and jumps to the next timer; what is
// ready runs in order, or in an order drawn from a seed; a scope can be cancelled at any
// suspension.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "ztunnel/lib/io/loop.h"

namespace culvert::io {

class SimLoop final : public Loop {
 public:
  SimLoop() { refresh_now(); }
  // What is ready runs in an order drawn from `seed`: the same seed, the same run.
  explicit SimLoop(std::uint64_t seed) : rng_(seed) {
    refresh_now();
    shuffle_ = &rng_;
  }

  // cancel_at cancels `scope` at the `n`-th suspension of any fiber of this loop, counted from 0
  // since the loop was made: after its leaf was started, so that a pending operation is given up.
  void cancel_at(std::uint64_t n, Scope& scope) {
    cancel_at_ = n;
    scope_ = &scope;
  }
  bool has_cancelled() const { return scope_ != nullptr && suspensions_ > cancel_at_; }
  std::uint64_t suspensions() const { return suspensions_; }

  std::string_view backend() const override { return "sim"; }

 protected:
  // There are no descriptors here: streams are pipes (net/pipe_stream.h). An operation on one
  // fails.
  void submit(Op& op) override;
  void cancel(Op& op) override;
  bool wait(std::optional<Duration> timeout) override;
  void wake() override { woken_ = true; }
  TimePoint read_clock() const override { return time_; }
  void suspended(Leaf& leaf) override;

 private:
  Rng rng_{0};
  TimePoint time_{};
  bool woken_ = false;
  std::uint64_t suspensions_ = 0;
  std::uint64_t cancel_at_ = 0;
  Scope* scope_ = nullptr;
};

}  // namespace culvert::io
