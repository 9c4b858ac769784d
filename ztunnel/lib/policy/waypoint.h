// Which workloads stand behind the name of a waypoint.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ztunnel/lib/policy/snapshot.h"

namespace culvert::policy {

// is_waypoint tells if `candidate` is the waypoint named by `gateway`: the workload that has its
// address, or an endpoint of the service that it resolves to.
bool is_waypoint(const Snapshot& snapshot, const GatewayAddress& gateway,
                 const Workload& candidate);

}  // namespace culvert::policy
