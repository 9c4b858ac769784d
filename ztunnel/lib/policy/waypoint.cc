// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/policy/waypoint.h"

namespace culvert::policy {

bool is_waypoint(const Snapshot& snapshot, const GatewayAddress& gateway,
                 const Workload& candidate) {
  ServicePtr service;
  if (const auto* host = std::get_if<NamespacedHostname>(&gateway.destination)) {
    service = snapshot.service(host->ns, host->hostname);
  } else {
    const auto& address = std::get<NetworkAddress>(gateway.destination);
    if (address.network == candidate.network && candidate.has_address(address.ip)) {
      return true;
    }
    service = snapshot.service_by_vip(address.network, address.ip, candidate.ns);
  }
  // A waypoint's own record names the services that it serves: no walk over the endpoints.
  return service != nullptr && candidate.services.contains(service->key());
}

}  // namespace culvert::policy
