// Kubectl: what a person would type at a cluster, as the owner of one kubeconfig.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "tests/support/process.h"

namespace culvert::lab {

class Kubectl {
 public:
  // `command` is the program with the flags that all calls have.
  Kubectl(Place place, Command command) : place_(std::move(place)), command_(std::move(command)) {}

  // run takes at most `limit`; must_run throws LabError unless it succeeds, and gives the output.
  Outcome run(const Command& arguments, std::string_view input = {},
              Milliseconds limit = kLimit) const;
  std::string must_run(const Command& arguments, std::string_view input = {},
                       Milliseconds limit = kLimit) const;
  // apply creates or changes what the YAML says, on the server's side.
  void apply(std::string_view yaml) const;

  // command gives the words of a call, for who runs it in the background.
  Command command(const Command& arguments) const;

 private:
  static constexpr Milliseconds kLimit = 60s;

  Place place_;
  Command command_;
};

}  // namespace culvert::lab
