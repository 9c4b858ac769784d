// One seed, played from the first connection to the last drain.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace culvert::sim {

struct Totals {
  std::uint64_t connections = 0;
  std::uint64_t whole = 0;
  std::uint64_t resets = 0;  // ends that saw a RST
  std::uint64_t tunnels = 0;
  std::uint64_t bytes = 0;

  void add(const Totals& other);
};

struct Played {
  std::vector<std::string> problems;
  std::vector<std::string> trace;
  Totals totals;
};

// play_seed plays one world; problems are printed as they are found, the trace too if asked for.
Played play_seed(std::uint64_t seed, bool shows_trace = false);

}  // namespace culvert::sim
