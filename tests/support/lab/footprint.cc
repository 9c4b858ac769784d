// SPDX-License-Identifier: Apache-2.0
#include "tests/support/lab/footprint.h"

#include <dirent.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "tests/support/process.h"

namespace culvert::lab {

Footprint footprint_of(pid_t pid) {
  Footprint footprint;
  const std::string status = read_file(fmt::format("/proc/{}/status", pid));
  if (const std::size_t at = status.find("VmRSS:"); at != std::string::npos) {
    footprint.resident_kb = std::atol(status.c_str() + at + 6);
  }
  if (DIR* folder = ::opendir(fmt::format("/proc/{}/fd", pid).c_str())) {
    while (::readdir(folder) != nullptr) {
      ++footprint.descriptors;
    }
    ::closedir(folder);
  }
  return footprint;
}

Footprint Footprints::median(double begin, double end) const {
  const auto count = static_cast<double>(samples.size());
  const auto first = static_cast<std::ptrdiff_t>(begin * count);
  const auto last = static_cast<std::ptrdiff_t>(end * count);
  if (first >= last) {
    return {};
  }
  const auto middle = [&](long Footprint::* value) {
    std::vector<long> values;
    for (auto at = samples.begin() + first; at != samples.begin() + last; ++at) {
      values.push_back((*at).*value);
    }
    std::ranges::sort(values);
    return values[values.size() / 2];
  };
  return {.resident_kb = middle(&Footprint::resident_kb),
          .descriptors = middle(&Footprint::descriptors)};
}

}  // namespace culvert::lab
