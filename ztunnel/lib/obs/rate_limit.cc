// RateLimitedLog: one line per kind and interval.
// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "ztunnel/lib/obs/log.h"

namespace culvert::obs {

bool RateLimitedLog::log(TimePoint now, std::string_view kind, std::string_view message,
                         std::initializer_list<Field> fields) {
  if (kinds_.size() >= kKindsMax && !kinds_.contains(kind)) {
    kind = "other";
  }
  auto found = kinds_.find(kind);
  if (found == kinds_.end()) {
    found = kinds_.emplace(std::string(kind), Kind{}).first;
  }
  Kind& state = found->second;
  if (now < state.next) {
    ++state.held_back;
    return false;
  }
  state.next = now + options_.interval;
  std::vector<Field> all(fields);
  if (state.held_back > 0) {
    all.emplace_back("held_back", std::exchange(state.held_back, 0));
  }
  obs::log(options_.level, options_.scope, message, std::span<const Field>(all));
  return true;
}

}  // namespace culvert::obs
