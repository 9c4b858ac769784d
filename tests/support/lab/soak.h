// The soak: minutes of load on one mesh while pods, policies and certificates come and go. What
// must hold: no byte lost, memory and descriptors flat, no reset that nobody caused.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/lab/footprint.h"
#include "tests/support/lab/steady_load.h"
#include "tests/support/mesh.h"

namespace culvert::lab {

inline constexpr std::string_view kSoakName = "soak";

class Soak {
 public:
  explicit Soak(std::chrono::minutes length);

  // run soaks and prints what it saw; false when something did not hold.
  bool run();

 private:
  using Clock = std::chrono::steady_clock;

  void bring_up();
  void churn_once();
  void guest_comes_and_goes();
  void deny_comes_and_goes();
  void sample();
  void show_progress();
  void wrong(std::string what);
  void count_resets();
  void count_renewals();
  void judge_footprints();
  bool report();

  std::chrono::minutes length_;
  Clock::time_point start_;
  Mesh mesh_;
  Pod& client_;
  Pod& server_;
  Pod& visitor_;
  std::deque<SteadyLoad> loads_;
  std::vector<Footprints> footprints_;  // one for each daemon
  std::set<std::string> steady_ips_;    // of pods whose connections nobody cuts
  int guests_ = 0;
  int denials_ = 0;
  int renewals_ = 0;
  int explained_resets_ = 0;
  std::vector<std::string> wrongs_;
  Clock::time_point sampled_;
};

}  // namespace culvert::lab
