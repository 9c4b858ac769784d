// What happens on a stage: the flows of its applications and the events around them, drawn from the
// seed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/sim/stage.h"

namespace culvert::sim {

// How many, and how wild.
struct Script {
  std::uint64_t flows = 0;
  std::uint64_t events = 0;
  bool idle_flows = false;      // some, which only a drain ends
  bool waits_for_idle = false;  // until the tunnels close for want of streams
  io::Duration drain_limit{};
};

Script draw_script(Stage& stage);

// run_flows starts the flows of `script`, and ends when all but the idle ones have ended.
io::Task<> run_flows(Stage& stage, Script script);

// run_events lets the events of `script` happen.
io::Task<> run_events(Stage& stage, Script script);

// drain drains a node and checks that it keeps its limit.
io::Task<> drain(Stage& stage, std::size_t node, io::Duration limit);

}  // namespace culvert::sim
