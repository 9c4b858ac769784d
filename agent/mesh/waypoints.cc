// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/waypoints.h"

#include <fmt/format.h>

namespace culvert::mesh {
namespace {

constexpr std::uint32_t kWaypointPort = 15008;  // HBONE, as Istio's waypoints listen
constexpr std::string_view kWaypointClass = "culvert-waypoint";
const std::string kUseWaypoint = "istio.io/use-waypoint";
const std::string kUseWaypointNamespace = "istio.io/use-waypoint-namespace";
const std::string kWaypointFor = "istio.io/waypoint-for";
const std::string kGatewayName = "gateway.networking.k8s.io/gateway-name";

bool serves(const Gateway& gateway, WaypointFor use) {
  const auto scope = text_of(gateway.meta.labels, kWaypointFor);
  if (scope == "all") {
    return true;
  }
  // Without the label a waypoint is for services only.
  return use == WaypointFor::service ? scope.empty() || scope == "service" : scope == "workload";
}

istio::workload::GatewayAddress address_of(const ObjectKey& name, const Gateway* gateway,
                                           const MeshOptions& options) {
  istio::workload::GatewayAddress result;
  result.set_hbone_mtls_port(kWaypointPort);
  auto hostname = fmt::format("{}.{}.svc.{}", name.second, name.first, options.cluster_domain);
  if (gateway != nullptr && !gateway->addresses.empty()) {
    const auto& first = gateway->addresses.front();
    if (const auto ip = IpAddress::parse(first)) {
      result.mutable_address()->set_address(std::string(as_text(ip->octets())));
      return result;
    }
    hostname = first;
  }
  result.mutable_hostname()->set_namespace_(name.first);
  result.mutable_hostname()->set_hostname(hostname);
  return result;
}

}  // namespace

std::optional<istio::workload::GatewayAddress> find_waypoint(const Objects& objects,
                                                             const MeshOptions& options,
                                                             std::string_view kind,
                                                             const Meta& meta, WaypointFor use,
                                                             std::vector<Problem>& problems) {
  if (meta.labels.contains(kGatewayName)) {
    return std::nullopt;  // a waypoint is behind no waypoint
  }
  const auto* labels = &meta.labels;
  const bool own = labels->contains(kUseWaypoint);
  if (!own) {
    const auto ns = objects.namespaces.find({{}, meta.ns});
    if (ns == objects.namespaces.end()) {
      return std::nullopt;
    }
    labels = &ns->second.meta.labels;
  }
  const auto name = text_of(*labels, kUseWaypoint);
  if (name.empty() || name == "none") {
    return std::nullopt;
  }
  const auto ns = text_of(*labels, kUseWaypointNamespace);
  const ObjectKey key{ns.empty() ? meta.ns : std::string(ns), std::string(name)};
  const auto gateway = objects.gateways.find(key);
  if (gateway != objects.gateways.end()) {
    return serves(gateway->second, use) ? std::optional(address_of(key, &gateway->second, options))
                                        : std::nullopt;
  }
  // What the missing waypoint would be for is unknown: a label on the object itself counts, one on
  // the namespace counts as a waypoint for services, which is the default.
  if (!own && use == WaypointFor::workload) {
    return std::nullopt;
  }
  auto object = named(kind, meta.key());
  auto sentence = fmt::format(
      "{}: its waypoint is Gateway {}/{}, which does not exist; create it or remove the label {}, "
      "until then its traffic is refused",
      object, key.first, key.second, kUseWaypoint);
  problems.push_back({{}, std::move(object), std::move(sentence)});
  return address_of(key, nullptr, options);
}

void report_unserved(const Objects& objects, std::vector<Problem>& problems) {
  for (const auto& [key, gateway] : objects.gateways) {
    if (gateway.class_name == kWaypointClass) {
      auto object = named("Gateway", key);
      auto sentence = fmt::format(
          "{}: class {} is not served yet; take the label {} from what is behind it, until then "
          "that traffic is refused",
          object, kWaypointClass, kUseWaypoint);
      problems.push_back({{}, std::move(object), std::move(sentence)});
    }
  }
}

}  // namespace culvert::mesh
