// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/policy/workload.h"

#include <algorithm>

namespace culvert::policy {

std::string to_string(const GatewayAddress& gateway) {
  if (const auto* host = std::get_if<NamespacedHostname>(&gateway.destination)) {
    return host->ns + "/" + host->hostname;
  }
  const auto& address = std::get<NetworkAddress>(gateway.destination);
  return address.network + "/" + to_string(address.ip);
}

bool Workload::has_address(const IpAddress& ip) const {
  return std::ranges::find(addresses, ip) != addresses.end();
}

}  // namespace culvert::policy
