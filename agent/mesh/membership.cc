// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/membership.h"

#include <fmt/format.h>

#include <algorithm>

namespace culvert::mesh {
namespace {

// slice_ports maps the service's ports to the slice's by their names.
PortMap slice_ports(const Service& service, const EndpointSlice& slice) {
  PortMap ports;
  for (const auto& port : service.ports) {
    const auto found = slice.ports.find(port.name);
    if (found != slice.ports.end()) {
      ports[port.port] = found->second;
    }
  }
  return ports;
}

PortMap pod_ports(const Service& service, const Pod& pod) {
  PortMap ports;
  for (const auto& port : service.ports) {
    const auto named = pod.named_ports.find(port.target_name);
    if (port.target_port != 0) {
      ports[port.port] = port.target_port;
    } else if (named != pod.named_ports.end()) {
      ports[port.port] = named->second;
    }
  }
  return ports;
}

void add_slice(const Objects& objects, const MeshOptions& options, const Service& service,
               const EndpointSlice& slice, Membership& members) {
  const auto name = resource_name_of(service, options);
  const auto ports = slice_ports(service, slice);
  for (const auto& endpoint : slice.endpoints) {
    if (!endpoint.ready && !service.publish_not_ready) {
      continue;
    }
    const ObjectKey pod{slice.meta.ns, endpoint.pod};
    if (!endpoint.pod.empty() && objects.pods.contains(pod)) {
      members.pods[pod][name].insert(ports.begin(), ports.end());
    } else if (!endpoint.ips.empty()) {
      // Named like istiod's, so that dumps of both can be compared.
      members.outsiders.push_back(
          {.uid = fmt::format("{}/discovery.k8s.io/EndpointSlice/{}/{}/{}", options.cluster_id,
                              slice.meta.ns, slice.meta.name, to_string(endpoint.ips.front())),
           .name = slice.meta.name,
           .ns = slice.meta.ns,
           .node = endpoint.node,
           .ips = endpoint.ips,
           .services = {{name, ports}}});
    }
  }
}

void add_selected(const Objects& objects, const MeshOptions& options, const Service& service,
                  Membership& members) {
  if (service.selector.empty()) {
    return;
  }
  const auto name = resource_name_of(service, options);
  for (auto pod = objects.pods.lower_bound({service.meta.ns, {}});
       pod != objects.pods.end() && pod->first.first == service.meta.ns; ++pod) {
    if (selects(service.selector, pod->second.meta.labels)) {
      members.pods[pod->first][name] = pod_ports(service, pod->second);
    }
  }
}

}  // namespace

std::string hostname_of(const Service& service, const MeshOptions& options) {
  return fmt::format("{}.{}.svc.{}", service.meta.name, service.meta.ns, options.cluster_domain);
}

std::string resource_name_of(const Service& service, const MeshOptions& options) {
  return service.meta.ns + "/" + hostname_of(service, options);
}

Membership find_members(const Objects& objects, const MeshOptions& options) {
  std::map<ObjectKey, std::vector<const EndpointSlice*>> slices;
  for (const auto& [key, slice] : objects.slices) {
    slices[{slice.meta.ns, slice.service}].push_back(&slice);
  }
  Membership members;
  for (const auto& [key, service] : objects.services) {
    if (service.external_name) {
      continue;
    }
    const auto found = slices.find(key);
    if (found == slices.end()) {
      add_selected(objects, options, service, members);
      continue;
    }
    for (const auto* slice : found->second) {
      add_slice(objects, options, service, *slice, members);
    }
  }
  return members;
}

}  // namespace culvert::mesh
