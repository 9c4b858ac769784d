// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/policy/service.h"

#include <algorithm>

namespace culvert::policy {

bool Service::has_waypoint() const {
  return waypoint.has_value() ||
         std::ranges::any_of(weighted_waypoints, [](const auto& w) { return w.weight > 0; });
}

}  // namespace culvert::policy
