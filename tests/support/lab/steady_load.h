// A program that loads the mesh from inside a pod, started anew each time it ends, and what its
// runs lost.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "tests/support/pod.h"
#include "tests/support/process.h"

namespace culvert::lab {

class SteadyLoad {
 public:
  // `command` is one run of culvert-load, without its program; `pause` is between two runs.
  SteadyLoad(const Pod& pod, std::string name, Command command, Milliseconds pause);

  // keep_going looks at a run that has ended and starts the next; the empty text, or what was lost.
  std::string keep_going();
  // finish waits for the last run; likewise.
  std::string finish(Milliseconds limit);

  const std::string& name() const { return name_; }
  int runs() const { return runs_; }
  // The last line of the last run that ended.
  const std::string& last() const { return last_; }

 private:
  std::string judge(std::optional<int> code);

  Place place_;
  std::string name_;
  Command command_;
  Milliseconds pause_;
  std::string log_;
  Process process_;
  bool running_ = false;
  std::chrono::steady_clock::time_point next_{};
  int runs_ = 0;
  std::string last_;
};

}  // namespace culvert::lab
