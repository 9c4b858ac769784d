// Workload: one pod (or VM, or split-horizon stand-in) of the mesh, as a value.
// Source of truth: istio.workload.Workload (control/proto/workload.proto); ztunnel
// state/workload.rs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/base/identity.h"

namespace culvert::policy {

inline constexpr std::uint16_t kOutboundPort = 15001;  // in every pod's netns: outbound capture
inline constexpr std::uint16_t kInboundPort = 15006;   // plaintext capture
inline constexpr std::uint16_t kHbonePort = 15008;     // HBONE

// is_own_port tells the ports of the proxy itself, which must never be a destination.
constexpr bool is_own_port(std::uint16_t port) {
  return port == kOutboundPort || port == kInboundPort || port == kHbonePort;
}

enum class TunnelProtocol : std::uint8_t { tcp, hbone };
enum class WorkloadStatus : std::uint8_t { healthy, unhealthy };
enum class NetworkMode : std::uint8_t { standard, host_network };
enum class WorkloadType : std::uint8_t { deployment, cronjob, pod, job };

// NetworkAddress is an IP within one network: networks may reuse addresses.
struct NetworkAddress {
  std::string network;  // "" is the default network
  IpAddress ip;
  auto operator<=>(const NetworkAddress&) const = default;
};

struct NamespacedHostname {
  std::string ns;
  std::string hostname;
  auto operator<=>(const NamespacedHostname&) const = default;
};

// GatewayAddress names a waypoint or a network gateway.
struct GatewayAddress {
  std::variant<NamespacedHostname, NetworkAddress> destination;
  std::uint16_t hbone_mtls_port = kHbonePort;
  auto operator<=>(const GatewayAddress&) const = default;
};

// "ns/hostname" or "network/ip": the form of config_dump and of messages to people.
std::string to_string(const GatewayAddress& gateway);

struct ApplicationTunnel {
  bool proxy_protocol = false;  // PROXY v2 before the bytes
  std::uint16_t port = 0;       // 0: the connection's own port
  auto operator<=>(const ApplicationTunnel&) const = default;
};

struct Locality {
  std::string region;
  std::string zone;
  std::string subzone;
  auto operator<=>(const Locality&) const = default;
};

using PortMap = std::map<std::uint16_t, std::uint16_t>;  // service port → target port

struct Workload {
  std::string uid;  // "<cluster>//Pod/<namespace>/<name>": its key everywhere
  std::string name;
  std::string ns;
  std::vector<IpAddress> addresses;  // may be empty: hostname or split-horizon workloads
  std::string network;
  TunnelProtocol protocol = TunnelProtocol::tcp;
  std::string trust_domain;
  std::string service_account;
  std::optional<GatewayAddress> waypoint;
  std::optional<GatewayAddress> network_gateway;
  std::string node;
  std::string canonical_name;
  std::string canonical_revision;
  WorkloadType type = WorkloadType::deployment;
  std::string workload_name;                        // of the Deployment, Job, …
  bool native_tunnel = false;                       // speaks HBONE itself: a waypoint or a sidecar
  std::vector<std::string> authorization_policies;  // "namespace/name" of selecting policies
  WorkloadStatus status = WorkloadStatus::healthy;
  std::string cluster_id;
  std::string hostname;
  std::map<std::string, PortMap> services;  // by "namespace/hostname"
  std::optional<ApplicationTunnel> application_tunnel;
  Locality locality;
  NetworkMode network_mode = NetworkMode::standard;
  std::uint32_t capacity = 1;  // its weight among the endpoints of a service

  SpiffeId identity() const { return {trust_domain, ns, service_account}; }
  bool has_address(const IpAddress& ip) const;
  bool operator==(const Workload&) const = default;
};

// Workloads are shared between snapshots and held by connections; they never change.
using WorkloadPtr = std::shared_ptr<const Workload>;

}  // namespace culvert::policy

template <>
struct std::hash<culvert::policy::NetworkAddress> {
  std::size_t operator()(const culvert::policy::NetworkAddress& address) const noexcept {
    return std::hash<std::string>{}(address.network) * 31 +
           std::hash<culvert::IpAddress>{}(address.ip);
  }
};
