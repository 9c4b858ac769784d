// SPDX-License-Identifier: Apache-2.0
#include "tests/interop/with_envoy.h"

#include <algorithm>

namespace culvert::lab {

bool has_line(const std::string& log, std::initializer_list<std::string> words) {
  std::size_t start = 0;
  while (start < log.size()) {
    const std::size_t end = std::min(log.find('\n', start), log.size());
    const std::string_view line = std::string_view(log).substr(start, end - start);
    if (std::ranges::all_of(
            words, [&](const std::string& word) { return line.find(word) != line.npos; })) {
      return true;
    }
    start = end + 1;
  }
  return false;
}

}  // namespace culvert::lab
