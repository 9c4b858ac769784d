// What a scenario throws when the world around the tests (a command, a namespace, a daemon that
// does not get ready) is not as it must be. Tests and the demo are the only callers, and both want
// to stop there.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

namespace culvert::lab {

class LabError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Later is text that costs something to make, such as a daemon's log: it is made when a message is
// made of it.
struct Later {
  std::function<std::string()> make;
};

// expect throws with a sentence unless `condition` holds.
template <typename... Args>
void expect(bool condition, fmt::format_string<Args...> format, Args&&... args) {
  if (!condition) {
    throw LabError(fmt::format(format, std::forward<Args>(args)...));
  }
}

}  // namespace culvert::lab

template <>
struct fmt::formatter<culvert::lab::Later> : fmt::formatter<std::string_view> {
  template <typename Context>
  auto format(const culvert::lab::Later& later, Context& context) const {
    return fmt::formatter<std::string_view>::format(later.make(), context);
  }
};
