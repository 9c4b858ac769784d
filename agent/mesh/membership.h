// Which workloads serve which services, and at which ports: by EndpointSlices, or, for a service
// that has none, by its selector. Private to the translator.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/mesh/objects.h"
#include "agent/mesh/translator.h"

namespace culvert::mesh {

using PortMap = std::map<std::uint16_t, std::uint16_t>;  // service port → target port
using ServedPorts = std::map<std::string, PortMap>;      // by "namespace/hostname"

// Outsider is an endpoint that is no pod we know: an address in an EndpointSlice.
struct Outsider {
  std::string uid;
  std::string name;
  std::string ns;
  std::string node;
  std::vector<IpAddress> ips;
  ServedPorts services;
};

struct Membership {
  std::map<ObjectKey, ServedPorts> pods;
  std::vector<Outsider> outsiders;
};

std::string hostname_of(const Service& service, const MeshOptions& options);
std::string resource_name_of(const Service& service, const MeshOptions& options);

Membership find_members(const Objects& objects, const MeshOptions& options);

}  // namespace culvert::mesh
