// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace culvert::flags {

// EarlyExit is an answer instead of a config: --help, --version or a flag that can't be read.
struct EarlyExit {
  int status = 0;
  std::string text;  // to stdout if status is 0, else to stderr
};

}  // namespace culvert::flags
