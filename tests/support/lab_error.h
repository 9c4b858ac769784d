// What a scenario throws when the world around the tests (a command, a namespace, a daemon that
// does not get ready) is not as it must be. Tests and the demo are the only callers, and both want
// to stop there.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace culvert::lab {

class LabError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// expect throws with a sentence unless `condition` holds.
template <typename... Args>
void expect(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) {
    throw LabError(fmt::format(format, std::forward<Args>(args)...));
  }
}

}  // namespace culvert::lab
