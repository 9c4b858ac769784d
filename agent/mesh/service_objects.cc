// Service and EndpointSlice.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "agent/mesh/object_reader.h"

namespace culvert::mesh {
namespace {

bool is_tcp(const Tree& port) {
  const auto protocol = text(port, "protocol");
  return protocol.empty() || protocol == "TCP";
}

void read_ports(ObjectReader& reader, Service& service) {
  for (const auto& node : items(child(reader.spec(), "ports"))) {
    if (!is_tcp(node)) {
      continue;  // the mesh carries TCP only
    }
    const auto port = port_number(text(node, "port"));
    if (!port) {
      reader.reject(fmt::format("spec.ports has port \"{}\"", text(node, "port")),
                    "write a number from 1 to 65535");
      return;
    }
    ServicePort result{.name = text(node, "name"), .port = *port, .target_port = *port};
    if (const auto target = text(node, "targetPort"); !target.empty()) {
      const auto number = port_number(target);
      result.target_port = number.value_or(0);
      result.target_name = number ? std::string() : target;
    }
    service.ports.push_back(std::move(result));
  }
}

void read_cluster_ips(ObjectReader& reader, Service& service) {
  std::vector<std::string> texts;
  for (const auto& node : items(child(reader.spec(), "clusterIPs"))) {
    texts.push_back(text(node));
  }
  if (texts.empty()) {
    texts.push_back(text(reader.spec(), "clusterIP"));
  }
  for (const auto& one : texts) {
    if (one.empty() || one == "None") {
      continue;
    }
    if (const auto ip = reader.address(one, "spec.clusterIPs")) {
      service.cluster_ips.push_back(*ip);
    }
  }
}

Service::Distribution distribution_of(const ObjectReader& reader) {
  // Istio's annotation is the older form of the field, and stronger (wire-facts §2.2).
  auto wanted =
      std::string(text_of(reader.meta().annotations, "networking.istio.io/traffic-distribution"));
  if (wanted.empty()) {
    wanted = text(reader.spec(), "trafficDistribution");
  }
  if (wanted == "PreferClose" || wanted == "PreferSameZone") {
    return Service::Distribution::same_zone;
  }
  return wanted == "PreferSameNode" ? Service::Distribution::same_node : Service::Distribution::any;
}

std::optional<SliceEndpoint> read_endpoint(ObjectReader& reader, const Tree& node) {
  SliceEndpoint endpoint;
  for (const auto& address : items(child(node, "addresses"))) {
    const auto ip = reader.address(text(address), "endpoints.addresses");
    if (!ip) {
      return std::nullopt;
    }
    endpoint.ips.push_back(*ip);
  }
  // An unknown condition counts as ready (discovery.k8s.io/v1 EndpointConditions).
  endpoint.ready = text(child(node, "conditions"), "ready") != "false";
  endpoint.node = text(node, "nodeName");
  const auto& target = child(node, "targetRef");
  if (text(target, "kind") == "Pod") {
    endpoint.pod = text(target, "name");
  }
  return endpoint;
}

}  // namespace

void read_service(ObjectReader& reader) {
  const auto& spec = reader.spec();
  Service service;
  service.meta = reader.meta();
  service.selector = text_map(child(spec, "selector"));
  service.external_name = text(spec, "type") == "ExternalName";
  service.node_local = text(spec, "internalTrafficPolicy") == "Local";
  service.publish_not_ready = is_true(spec, "publishNotReadyAddresses");
  service.distribution = distribution_of(reader);
  for (const auto& family : items(child(spec, "ipFamilies"))) {
    service.ipv4 = service.ipv4 || text(family) == "IPv4";
    service.ipv6 = service.ipv6 || text(family) == "IPv6";
  }
  read_cluster_ips(reader, service);
  read_ports(reader, service);
  if (!reader.rejected()) {
    const auto key = service.meta.key();
    reader.into().objects.services[key] = std::move(service);
  }
}

void read_endpoint_slice(ObjectReader& reader) {
  EndpointSlice slice;
  slice.meta = reader.meta();
  slice.service = std::string(text_of(slice.meta.labels, "kubernetes.io/service-name"));
  if (slice.service.empty()) {
    reader.reject("it has no label kubernetes.io/service-name",
                  "name the service that it belongs to");
    return;
  }
  if (text(reader.root(), "addressType") == "FQDN") {
    reader.reject("addressType FQDN is not supported", "list IP addresses");
    return;
  }
  for (const auto& port : items(child(reader.root(), "ports"))) {
    if (const auto number = port_number(text(port, "port")); number && is_tcp(port)) {
      slice.ports[text(port, "name")] = *number;
    }
  }
  for (const auto& node : items(child(reader.root(), "endpoints"))) {
    auto endpoint = read_endpoint(reader, node);
    if (!endpoint) {
      return;
    }
    slice.endpoints.push_back(std::move(*endpoint));
  }
  const auto key = slice.meta.key();
  reader.into().objects.slices[key] = std::move(slice);
}

}  // namespace culvert::mesh
