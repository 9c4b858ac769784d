// A real Envoy that runs in a pod of a scenario, and what it says of itself.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "tests/interop/envoy_config.h"
#include "tests/support/pod.h"

namespace culvert::lab {

// envoy_program gives the path of the binary that tools/setup installed; empty when it did not.
std::string envoy_program();

class Envoy {
 public:
  // Starts Envoy in `pod` with a configuration and returns when it is live. One worker thread, so
  // that what it keeps per worker is one.
  Envoy(Pod& pod, const std::string& config, std::string_view name = "envoy");

  // stat gives a counter or a gauge by its full name, -1 when there is none.
  long stat(const std::string& name) const;
  // stats gives all of those whose name holds the words, for the message of a failed check.
  std::string stats(const std::string& words) const;
  // post asks the admin port for something to be done, such as /drain_listeners?graceful.
  void post(const std::string& path) const;
  std::string log() const;
  Process& process() { return process_; }

 private:
  Pod& pod_;
  std::string name_;
  Process& process_;
};

}  // namespace culvert::lab
