// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/policy/route.h"

#include <fmt/format.h>

#include <algorithm>

#include "ztunnel/lib/policy/balance.h"
#include "ztunnel/lib/policy/waypoint.h"

namespace culvert::policy {
namespace {

Route refused(RouteKind kind, WorkloadPtr workload, ServicePtr service, std::string message) {
  Route route;
  route.kind = kind;
  route.workload = std::move(workload);
  route.service = std::move(service);
  route.message = std::move(message);
  return route;
}

bool owns_exactly(const Service& service, const std::string& network, const IpAddress& ip) {
  return std::ranges::find(service.vips, NetworkAddress{network, ip}) != service.vips.end();
}

Route passthrough(const SocketAddress& destination) {
  Route route;
  route.address = destination;
  return route;
}

// to_workload is step 9: HBONE to a captured workload, plain TCP to any other.
Route to_workload(WorkloadPtr workload, ServicePtr service, const SocketAddress& target) {
  Route route;
  route.target = target;
  if (workload->protocol == TunnelProtocol::hbone) {
    route.kind = RouteKind::hbone;
    route.address = {target.ip, kHbonePort};
    route.authority = to_string(target);
    route.expected.push_back(workload->identity());
    if (service != nullptr) {
      route.expected.insert(route.expected.end(), service->subject_alt_names.begin(),
                            service->subject_alt_names.end());
    }
  } else {
    route.kind = RouteKind::tcp;
    route.address = target;
  }
  route.workload = std::move(workload);
  route.service = std::move(service);
  return route;
}

Route other_network(const Workload& source, WorkloadPtr workload, ServicePtr service) {
  auto message = fmt::format(
      "workload {} is on network \"{}\" and this pod on \"{}\"; connections between networks are "
      "not supported yet, call an endpoint of the pod's own network",
      workload->uid, workload->network, source.network);
  return refused(RouteKind::other_network, std::move(workload), std::move(service),
                 std::move(message));
}

std::string waypoint_of(const Service& service) {
  return service.waypoint ? to_string(*service.waypoint)
                          : to_string(service.weighted_waypoints.front().destination);
}

Route needs_waypoint(WorkloadPtr workload, ServicePtr service) {
  auto message = service != nullptr ? fmt::format("service {} is behind waypoint {}",
                                                  service->key(), waypoint_of(*service))
                                    : fmt::format("workload {} is behind waypoint {}",
                                                  workload->uid, to_string(*workload->waypoint));
  message +=
      ", and waypoints are not supported yet; remove the label "
      "istio.io/use-waypoint to connect without one";
  return refused(RouteKind::needs_waypoint, std::move(workload), std::move(service),
                 std::move(message));
}

// to_service is steps 5 to 7 for a destination that is a service's address.
Route to_service(const Snapshot& snapshot, ServicePtr service, const Workload& source,
                 const SocketAddress& destination, Rng& rng) {
  if (service->has_waypoint()) {
    return needs_waypoint(nullptr, std::move(service));
  }
  if (service->load_balancing.mode == LoadBalancing::Mode::passthrough) {
    return passthrough(destination);
  }
  const auto endpoint = select_endpoint(snapshot, *service, source, destination.port, rng);
  if (!endpoint) {
    auto message =
        service->ports.contains(destination.port)
            ? fmt::format("service {} has no healthy endpoint for port {}; look at its pods",
                          service->key(), destination.port)
            : fmt::format("service {} has no port {}; call one that it declares", service->key(),
                          destination.port);
    return refused(RouteKind::no_endpoint, nullptr, std::move(service), std::move(message));
  }
  const auto& workload = endpoint->workload;
  if (workload->network != source.network) {
    return other_network(source, workload, std::move(service));
  }
  const auto ip = address_of(*workload, destination.ip, service->ip_families);
  if (!ip) {
    auto message = fmt::format(
        "workload {} of service {} has no address that the service permits; give it one",
        workload->uid, service->key());
    return refused(RouteKind::no_endpoint, workload, std::move(service), std::move(message));
  }
  return to_workload(workload, std::move(service), {*ip, endpoint->port});
}

}  // namespace

std::string_view name(RouteKind kind) {
  switch (kind) {
    case RouteKind::hbone: return "hbone";
    case RouteKind::tcp: return "tcp";
    case RouteKind::passthrough: return "passthrough";
    case RouteKind::needs_waypoint: return "needs_waypoint";
    case RouteKind::other_network: return "other_network";
    case RouteKind::no_endpoint: return "no_endpoint";
    case RouteKind::own_port: return "own_port";
  }
  return "unknown";
}

bool is_refused(RouteKind kind) {
  return kind != RouteKind::hbone && kind != RouteKind::tcp && kind != RouteKind::passthrough;
}

Route route(const Snapshot& snapshot, const Workload& source,
            const SocketAddress& original_destination, Rng& rng) {
  const auto& [ip, port] = original_destination;
  // Wider than ztunnel, which looks at loopback only: the pod's own address loops just the same.
  if (is_own_port(port) && (ip.is_loopback() || source.has_address(ip))) {
    return refused(RouteKind::own_port, nullptr, nullptr,
                   fmt::format("{} is a port of the mesh's own proxy; call the application's port",
                               to_string(original_destination)));
  }
  auto service = snapshot.service_by_vip(source.network, ip, source.ns);
  auto workload = snapshot.workload_by_ip(source.network, ip);
  // A workload's own address is more specific than a service's block, but not than its VIP.
  if (service != nullptr && (workload == nullptr || owns_exactly(*service, source.network, ip))) {
    return to_service(snapshot, std::move(service), source, original_destination, rng);
  }
  if (workload == nullptr) {
    return passthrough(original_destination);
  }
  if (workload->waypoint && !is_waypoint(snapshot, *workload->waypoint, source)) {
    return needs_waypoint(std::move(workload), nullptr);
  }
  return to_workload(std::move(workload), nullptr, original_destination);
}

}  // namespace culvert::policy
