// Which endpoint of a service serves a connection (wire-facts §2.2).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "ztunnel/lib/base/rng.h"
#include "ztunnel/lib/policy/snapshot.h"

namespace culvert::policy {

struct Endpoint {
  WorkloadPtr workload;
  std::uint16_t port = 0;  // the target port at the workload
};

// target_port is where `workload` serves `service_port` of `service`: its own port map first, then
// the service's target port. None if neither knows the port.
std::optional<std::uint16_t> target_port(const Service& service, const Workload& workload,
                                         std::uint16_t service_port);

// select_endpoint picks one endpoint at random, weighted by capacity, among those that are healthy
// (or all, if the service allows unhealthy ones), serve the port, and are permitted by the
// service's load balancing for the client `source`. None if there is no such endpoint. One pass
// over the endpoints, no allocation.
std::optional<Endpoint> select_endpoint(const Snapshot& snapshot, const Service& service,
                                        const Workload& source, std::uint16_t service_port,
                                        Rng& rng);

// address_of picks the address at which to reach `workload`: `wanted` itself if it has it, else one
// that `families` permits, of the family of `wanted` if possible. None if it has no such address.
std::optional<IpAddress> address_of(const Workload& workload, const IpAddress& wanted,
                                    IpFamilies families);

}  // namespace culvert::policy
