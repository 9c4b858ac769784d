// Leaving: the order in which a node leaves the mesh for good, together with all others, for
// --drain. It says when; translation and enrolment do it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/io/task.h"

namespace culvert::agent {

// 20 s: how long either of the first two steps waits for ztunnel; there may be none, or no mesh.
inline constexpr io::Duration kHeardWithin = std::chrono::seconds(20);
// 90 s: then it ends, whatever is open; telling, waiting for others and a drain take 67 s.
inline constexpr io::Duration kLeaveWithin = std::chrono::seconds(90);

class Leaving {
 public:
  // What it sees of the agent, and has it do.
  struct Agent {
    // The mesh is known, and ztunnel has taken all that is announced.
    std::function<bool()> is_heard;
    // No pod is left.
    std::function<bool()> is_empty;
    // Translates the objects anew, by what is said below.
    std::function<void()> translate;
  };
  Leaving(io::Loop& loop, Agent agent) : loop_(loop), agent_(std::move(agent)) {}

  // run ends when no pod is left, or time is up:
  //   1. ztunnel hears us: when all nodes' annotations are gone, all ztunnels know it, since each
  //      agent takes its own away only then;
  //   2. no policy holds any more, or this node would refuse the plaintext of those who know;
  //   3. the pods leave as by their label (Enrolment), and wait for the others (Redirection).
  io::Task<> run();

  bool lifts_policies() const { return lifts_policies_; }
  bool takes_pods_out() const { return takes_pods_out_; }
  // Between the two the mesh is announced as if no pod belonged in it, and all stay where they are.
  bool holds_pods() const { return lifts_policies_ && !takes_pods_out_; }

 private:
  io::Task<> wait(std::function<bool()> until, io::Duration within);

  io::Loop& loop_;
  Agent agent_;
  bool lifts_policies_ = false;
  bool takes_pods_out_ = false;
};

}  // namespace culvert::agent
