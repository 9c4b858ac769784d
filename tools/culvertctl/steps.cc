// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/steps.h"

#include <fmt/format.h>

#include <cstdio>

namespace culvert::ctl {

std::string to_shell(const std::vector<Step>& steps) {
  std::string text;
  for (const auto& step : steps) {
    text += step.why.empty() ? "" : fmt::format("# {}\n", step.why);
    text += to_shell(step.command) + "\n";
  }
  return text;
}

void show_steps(const std::vector<Step>& steps, const std::string& command) {
  std::fputs((to_shell(steps) + "# culvertctl " + command + " --run does this\n").c_str(), stdout);
}

Result<> run_steps(const std::vector<Step>& steps) {
  for (const auto& step : steps) {
    std::fputs(to_shell({step}).c_str(), stdout);
    std::fflush(stdout);
    TRY(const auto ran, run_shown(step.command));
    if (ran.exit_code != 0) {
      return fail(Errc::unavailable,
                  fmt::format("{} gave exit code {}; correct what it says, and run this again",
                              step.command[0], ran.exit_code));
    }
  }
  return {};
}

}  // namespace culvert::ctl
