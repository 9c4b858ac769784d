// What a daemon takes of the machine, sampled over time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace culvert::lab {

struct Footprint {
  long resident_kb = 0;
  long descriptors = 0;
};

// footprint_of looks at a process now; zeros when it is not there.
Footprint footprint_of(pid_t pid);

// Footprints are the samples of one daemon.
struct Footprints {
  std::string name;
  pid_t pid = 0;
  std::vector<Footprint> samples;

  // The median of the samples in a part of the time: from `begin` to `end`, as shares of one.
  Footprint median(double begin, double end) const;
};

}  // namespace culvert::lab
