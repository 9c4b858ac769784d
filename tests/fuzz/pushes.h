// Fuzz input as the control plane's pushes: a DeltaDiscoveryResponse, whose resources and removed
// names a Store takes, cut into two pushes so that records are replaced and removed, too.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "ztunnel/lib/control/proto/discovery.pb.h"
#include "ztunnel/lib/policy/store.h"

namespace culvert::fuzz {

using Response = envoy::service::discovery::v3::DeltaDiscoveryResponse;

// A push borrows from the response that it was made of.
struct Push {
  std::vector<policy::ResourceBytes> added;
  std::vector<std::string> removed;
};

// split_in_two gives the first half of the resources, then the rest with the removed names.
inline std::vector<Push> split_in_two(const Response& response) {
  std::vector<Push> pushes(2);
  for (int i = 0; i < response.resources_size(); ++i) {
    const auto& resource = response.resources(i);
    pushes[i < response.resources_size() / 2 ? 0 : 1].added.push_back(
        {resource.name(), as_bytes(resource.resource().value())});
  }
  pushes[1].removed.assign(response.removed_resources().begin(),
                           response.removed_resources().end());
  return pushes;
}

}  // namespace culvert::fuzz
