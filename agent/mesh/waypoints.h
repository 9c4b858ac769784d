// Which waypoint a service or a pod is behind, by the label istio.io/use-waypoint. Private to the
// translator.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "agent/mesh/objects.h"
#include "agent/mesh/translator.h"
#include "ztunnel/lib/control/proto/workload.pb.h"

namespace culvert::mesh {

enum class WaypointFor : std::uint8_t { service, workload };

// find_waypoint looks at the object's own label, then at its namespace's. A waypoint that has no
// Gateway yet is reported and counts all the same: its traffic is refused, never let past it.
std::optional<istio::workload::GatewayAddress> find_waypoint(const Objects& objects,
                                                             const MeshOptions& options,
                                                             std::string_view kind,
                                                             const Meta& meta, WaypointFor use,
                                                             std::vector<Problem>& problems);

// report_unserved tells of the Gateways that ask for a waypoint of ours, which nobody runs yet.
void report_unserved(const Objects& objects, std::vector<Problem>& problems);

}  // namespace culvert::mesh
