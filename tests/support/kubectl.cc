// SPDX-License-Identifier: Apache-2.0
#include "tests/support/kubectl.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tests/support/lab_error.h"

namespace culvert::lab {

Outcome Kubectl::run(const Command& arguments, std::string_view input, Milliseconds limit) const {
  return lab::run(place_, command(arguments), limit, input);
}

std::string Kubectl::must_run(const Command& arguments, std::string_view input,
                              Milliseconds limit) const {
  Outcome outcome = run(arguments, input, limit);
  expect(outcome.ok(), "kubectl {} {}: {}", fmt::join(arguments, " "),
         outcome.timed_out ? "took too long" : fmt::format("gave exit code {}", outcome.exit_code),
         outcome.err);
  return std::move(outcome.out);
}

void Kubectl::apply(std::string_view yaml) const {
  must_run({"apply", "--server-side", "-f", "-"}, yaml);
}

Command Kubectl::command(const Command& arguments) const {
  Command all = command_;
  all.insert(all.end(), arguments.begin(), arguments.end());
  return all;
}

}  // namespace culvert::lab
