// Held: one connection from a pod to another's `culvert-load echo`, which says something twenty
// times a second until it is cut.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tests/kind/town.h"
#include "tests/support/process.h"

namespace culvert::lab {

inline constexpr const char* kEchoPort = "9000";

class Held {
 public:
  Held(const Town& town, const std::string& from, const std::string& to);
  ~Held();
  Held(Held&&) = delete;
  Held& operator=(Held&&) = delete;

  // opened waits for the first answer.
  bool opened() const;
  bool is_cut_within(Milliseconds limit);
  std::string log() const { return process_.log(); }

 private:
  std::string log_;
  Process process_;
};

}  // namespace culvert::lab
