// Programs run by a scenario: in a network namespace and a cgroup, ended by their own pid.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/waiting.h"

namespace culvert::lab {

using Command = std::vector<std::string>;

// Place is where a program runs: empty means where we run ourselves.
struct Place {
  std::string netns;   // a name of `ip netns`
  std::string cgroup;  // a cgroup2 directory
};

// Outcome is what a program that ended left behind.
struct Outcome {
  int exit_code = -1;  // 128 + the signal's number when one ended it
  bool timed_out = false;
  std::string out;
  std::string err;

  bool ok() const { return exit_code == 0 && !timed_out; }
};

// run waits for a program and takes its output; past `limit` it is killed.
Outcome run(const Place& place, const Command& command, Milliseconds limit = 10s,
            std::string_view input = {});

// must_run is run for what has to succeed; gives its standard output and throws LabError otherwise.
std::string must_run(const Place& place, const Command& command, Milliseconds limit = 10s,
                     std::string_view input = {});

// Process is a program in the background, both outputs appended to `log`; killed when destroyed.
class Process {
 public:
  Process() = default;
  static Process start(const Place& place, const Command& command, std::string log);

  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process() { kill(); }

  pid_t pid() const { return pid_; }
  const std::string& log_path() const { return log_; }
  std::string log() const;

  bool alive();
  void send(int signal) const;
  // wait gives the exit code (as in Outcome), or nothing when it still runs after `limit`.
  std::optional<int> wait(Milliseconds limit);
  void kill();  // SIGKILL, then wait; nothing happens when it is not running
  // release lets the program outlive this object and the scenario.
  void release() { pid_ = -1; }

 private:
  bool reap(int options);

  pid_t pid_ = -1;
  std::optional<int> code_;  // of the program that ended
  std::string log_;
};

// outlive_us decides whether programs started from now on stay when this process dies (the demo's
// --keep); by default they are killed with it.
void outlive_us(bool stay);

// read_file gives the whole text of a file, empty when there is none.
std::string read_file(const std::string& path);
// write_file writes to a neighbour and renames, so that a reader sees the old or the new text.
void write_file(const std::string& path, std::string_view text);

}  // namespace culvert::lab
