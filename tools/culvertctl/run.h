// One run of culvertctl: ask, choose, show.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tools/culvertctl/client.h"
#include "tools/culvertctl/options.h"
#include "tools/culvertctl/times.h"

namespace culvert::ctl {

struct Surroundings {
  bool colour = false;
  WallClock now{};
  GetLimits limits{};
};

struct Outcome {
  Exit exit = Exit::ok;
  std::string out;    // for stdout
  std::string error;  // for stderr
};

Outcome run(const Options& options, const Surroundings& surroundings);

}  // namespace culvert::ctl
