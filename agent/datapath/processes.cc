// SPDX-License-Identifier: Apache-2.0
#include "agent/datapath/processes.h"

namespace culvert::datapath {

std::vector<std::filesystem::path> processes(const std::string& proc) {
  std::vector<std::filesystem::path> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(proc, error)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") == std::string::npos) {
      found.push_back(entry.path());
    }
  }
  return found;
}

}  // namespace culvert::datapath
