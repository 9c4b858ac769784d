// Service: a name with virtual addresses in front of workloads, as a value.
// Source of truth: istio.workload.Service (control/proto/workload.proto); ztunnel state/service.rs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ztunnel/lib/policy/workload.h"

namespace culvert::policy {

enum class Scope : std::uint8_t { region, zone, subzone, node, cluster, network };

// LoadBalancing says which endpoints a client may be sent to (wire-facts §2.2).
struct LoadBalancing {
  enum class Mode : std::uint8_t {
    standard,     // all of them
    strict,       // only those that match every preference
    failover,     // those that match most of the leading preferences
    passthrough,  // none: the connection goes where the application sent it
  };
  std::vector<Scope> preferences;  // the strongest first
  Mode mode = Mode::standard;
  bool allow_unhealthy = false;
  bool operator==(const LoadBalancing&) const = default;
};

enum class IpFamilies : std::uint8_t { automatic, ipv4_only, ipv6_only, dual };

struct CidrVip {
  std::string network;
  Cidr cidr;
  auto operator<=>(const CidrVip&) const = default;
};

struct WeightedWaypoint {
  GatewayAddress destination;
  std::uint32_t weight = 0;
  auto operator<=>(const WeightedWaypoint&) const = default;
};

struct Service {
  std::string name;
  std::string ns;
  std::string hostname;
  std::vector<NetworkAddress> vips;
  std::vector<CidrVip> cidr_vips;
  PortMap ports;                            // a target of 0: the endpoint's own map decides
  std::vector<SpiffeId> subject_alt_names;  // identities that any endpoint may prove
  std::optional<GatewayAddress> waypoint;
  std::vector<WeightedWaypoint> weighted_waypoints;
  LoadBalancing load_balancing;
  IpFamilies ip_families = IpFamilies::automatic;
  bool canonical = false;
  bool namespace_only = false;  // visible to clients of its own namespace only

  std::string key() const { return ns + "/" + hostname; }
  // has_waypoint is true for a plain waypoint and for weighted ones with any weight.
  bool has_waypoint() const;
  bool operator==(const Service&) const = default;
};

using ServicePtr = std::shared_ptr<const Service>;

}  // namespace culvert::policy
