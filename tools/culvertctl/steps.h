// Steps: what kubectl and helm are to do, shown as lines to copy, and carried out with --run.
// Nothing is done here that these two do not do.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tools/culvertctl/programs.h"

namespace culvert::ctl {

struct Step {
  std::string why;  // empty: as the step before
  Command command;
};

// to_shell gives the steps as comments and lines to copy.
std::string to_shell(const std::vector<Step>& steps);

// show_steps writes them, and that `command` does them with --run.
void show_steps(const std::vector<Step>& steps, const std::string& command);
// run_steps writes each and runs it. Fails with `unavailable` when a step failed, after which none
// is run.
Result<> run_steps(const std::vector<Step>& steps);

}  // namespace culvert::ctl
