// SPDX-License-Identifier: Apache-2.0
#include "tests/support/lab/steady_load.h"

#include <fmt/format.h>

#include "tests/support/paths.h"

namespace culvert::lab {

SteadyLoad::SteadyLoad(const Pod& pod, std::string name, Command command, Milliseconds pause)
    : place_(pod.place()),
      name_(std::move(name)),
      command_(std::move(command)),
      pause_(pause),
      log_(pod.log_path(name_)) {
  command_.insert(command_.begin(), program("culvert-load"));
}

std::string SteadyLoad::keep_going() {
  if (running_) {
    if (process_.alive()) {
      return "";
    }
    return judge(process_.wait(0ms));
  }
  if (std::chrono::steady_clock::now() >= next_) {
    write_file(log_, "");
    process_ = Process::start(place_, command_, log_);
    running_ = true;
  }
  return "";
}

std::string SteadyLoad::finish(Milliseconds limit) {
  return running_ ? judge(process_.wait(limit)) : "";
}

std::string SteadyLoad::judge(std::optional<int> code) {
  running_ = false;
  ++runs_;
  next_ = std::chrono::steady_clock::now() + pause_;
  last_ = process_.log();
  while (last_.ends_with('\n')) {
    last_.pop_back();
  }
  if (code == 0) {
    return "";
  }
  return fmt::format("run {} of {} ended with code {}: {}", runs_, name_,
                     code ? std::to_string(*code) : "none (it hangs)", last_);
}

}  // namespace culvert::lab
