// From istio.workload.Address to Workload or Service.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "ztunnel/lib/control/proto/workload.pb.h"
#include "ztunnel/lib/policy/decode.h"

namespace culvert::policy {
namespace {

namespace pb = istio::workload;

// What an empty field means, as in ztunnel.
constexpr std::string_view kTrustDomainDefault = "cluster.local";
constexpr std::string_view kServiceAccountDefault = "default";
constexpr std::string_view kClusterDefault = "Kubernetes";

std::string or_default(const std::string& text, std::string_view fallback) {
  return text.empty() ? std::string(fallback) : text;
}

Result<std::uint16_t> port_of(std::uint32_t port) {
  if (port > std::numeric_limits<std::uint16_t>::max()) {
    return fail(Errc::protocol, fmt::format("port {} is over 65535", port));
  }
  return static_cast<std::uint16_t>(port);
}

Result<PortMap> ports_of(const google::protobuf::RepeatedPtrField<pb::Port>& ports) {
  PortMap result;
  for (const auto& port : ports) {
    TRY(const auto service_port, port_of(port.service_port()));
    TRY(const auto target_port, port_of(port.target_port()));
    result[service_port] = target_port;
  }
  return result;
}

Result<std::optional<GatewayAddress>> gateway_of(bool present, const pb::GatewayAddress& gateway) {
  using Answer = std::optional<GatewayAddress>;
  if (!present) {
    return Answer();
  }
  GatewayAddress result;
  switch (gateway.destination_case()) {
    case pb::GatewayAddress::kHostname:
      result.destination =
          NamespacedHostname{gateway.hostname().namespace_(), gateway.hostname().hostname()};
      break;
    case pb::GatewayAddress::kAddress: {
      TRY(const auto ip, IpAddress::from_bytes(as_bytes(gateway.address().address())));
      result.destination = NetworkAddress{gateway.address().network(), ip};
      break;
    }
    case pb::GatewayAddress::DESTINATION_NOT_SET:
      return fail(Errc::protocol, "a gateway address has neither hostname nor address");
  }
  if (gateway.hbone_mtls_port() != 0) {
    TRY(result.hbone_mtls_port, port_of(gateway.hbone_mtls_port()));
  }
  return Answer(std::move(result));
}

Result<TunnelProtocol> protocol_of(pb::TunnelProtocol protocol) {
  switch (protocol) {
    case pb::NONE: return TunnelProtocol::tcp;
    case pb::HBONE: return TunnelProtocol::hbone;
    default:
      return fail(Errc::protocol,
                  fmt::format("tunnel protocol {} is not known here", static_cast<int>(protocol)));
  }
}

WorkloadType type_of(pb::WorkloadType type) {
  switch (type) {
    case pb::CRONJOB: return WorkloadType::cronjob;
    case pb::POD: return WorkloadType::pod;
    case pb::JOB: return WorkloadType::job;
    default: return WorkloadType::deployment;
  }
}

Result<Scope> scope_of(int scope) {
  switch (scope) {
    case pb::LoadBalancing::REGION: return Scope::region;
    case pb::LoadBalancing::ZONE: return Scope::zone;
    case pb::LoadBalancing::SUBZONE: return Scope::subzone;
    case pb::LoadBalancing::NODE: return Scope::node;
    case pb::LoadBalancing::CLUSTER: return Scope::cluster;
    case pb::LoadBalancing::NETWORK: return Scope::network;
    default:
      return fail(Errc::protocol, fmt::format("routing preference {} is not known here", scope));
  }
}

Result<LoadBalancing> balancing_of(const pb::LoadBalancing& balancing) {
  LoadBalancing result;
  for (const int scope : balancing.routing_preference()) {
    TRY(const auto known, scope_of(scope));
    result.preferences.push_back(known);
  }
  result.allow_unhealthy = balancing.health_policy() == pb::LoadBalancing::ALLOW_ALL;
  switch (balancing.mode()) {
    case pb::LoadBalancing::UNSPECIFIED_MODE: break;
    case pb::LoadBalancing::STRICT: result.mode = LoadBalancing::Mode::strict; break;
    case pb::LoadBalancing::FAILOVER: result.mode = LoadBalancing::Mode::failover; break;
    case pb::LoadBalancing::PASSTHROUGH: result.mode = LoadBalancing::Mode::passthrough; break;
    default:
      return fail(Errc::protocol, fmt::format("load balancing mode {} is not known here",
                                              static_cast<int>(balancing.mode())));
  }
  return result;
}

IpFamilies families_of(pb::IPFamilies families) {
  switch (families) {
    case pb::IPV4_ONLY: return IpFamilies::ipv4_only;
    case pb::IPV6_ONLY: return IpFamilies::ipv6_only;
    case pb::DUAL: return IpFamilies::dual;
    default: return IpFamilies::automatic;
  }
}

Result<> read_addresses(const pb::Workload& from, Workload& to) {
  for (const auto& bytes : from.addresses()) {
    TRY(const auto ip, IpAddress::from_bytes(as_bytes(bytes)));
    to.addresses.push_back(ip);
  }
  for (const auto& [key, ports] : from.services()) {
    TRY(to.services[key], ports_of(ports.ports()));
  }
  TRY(to.waypoint, gateway_of(from.has_waypoint(), from.waypoint()));
  TRY(to.network_gateway, gateway_of(from.has_network_gateway(), from.network_gateway()));
  if (from.has_application_tunnel()) {
    TRY(const auto port, port_of(from.application_tunnel().port()));
    to.application_tunnel = ApplicationTunnel{
        from.application_tunnel().protocol() == pb::ApplicationTunnel::PROXY, port};
  }
  return {};
}

Result<Workload> workload_of(const pb::Workload& from) {
  if (from.uid().empty()) {
    return fail(Errc::protocol, "a workload has no uid");
  }
  Workload to{.uid = from.uid(), .name = from.name(), .ns = from.namespace_()};
  TRY_VOID(read_addresses(from, to));
  TRY(to.protocol, protocol_of(from.tunnel_protocol()));
  to.network = from.network();
  to.trust_domain = or_default(from.trust_domain(), kTrustDomainDefault);
  to.service_account = or_default(from.service_account(), kServiceAccountDefault);
  to.node = from.node();
  to.canonical_name = from.canonical_name();
  to.canonical_revision = from.canonical_revision();
  to.type = type_of(from.workload_type());
  to.workload_name = from.workload_name();
  to.native_tunnel = from.native_tunnel();
  to.authorization_policies.assign(from.authorization_policies().begin(),
                                   from.authorization_policies().end());
  to.status = from.status() == pb::HEALTHY ? WorkloadStatus::healthy : WorkloadStatus::unhealthy;
  to.cluster_id = or_default(from.cluster_id(), kClusterDefault);
  to.hostname = from.hostname();
  to.locality = {from.locality().region(), from.locality().zone(), from.locality().subzone()};
  to.network_mode =
      from.network_mode() == pb::HOST_NETWORK ? NetworkMode::host_network : NetworkMode::standard;
  to.capacity = from.has_capacity() ? from.capacity().value() : 1;
  return to;
}

Result<> read_vips(const pb::Service& from, Service& to) {
  for (const auto& address : from.addresses()) {
    TRY(const auto ip, IpAddress::from_bytes(as_bytes(address.address())));
    const std::uint32_t full = ip.is_v4() ? 32 : 128;
    if (address.has_length() && address.length() != full) {
      TRY(const auto cidr, Cidr::make(ip, address.length()));
      to.cidr_vips.push_back({address.network(), cidr});
    } else {
      to.vips.push_back({address.network(), ip});
    }
  }
  return {};
}

Result<Service> service_of(const pb::Service& from) {
  if (from.namespace_().empty() || from.hostname().empty()) {
    return fail(Errc::protocol, "a service has no namespace or no hostname");
  }
  Service to{.name = from.name(), .ns = from.namespace_(), .hostname = from.hostname()};
  TRY_VOID(read_vips(from, to));
  TRY(to.ports, ports_of(from.ports()));
  for (const auto& name : from.subject_alt_names()) {
    // Names of other forms are for other kinds of peers and can't be proved here.
    if (auto id = SpiffeId::parse(name)) {
      to.subject_alt_names.push_back(std::move(*id));
    }
  }
  TRY(to.waypoint, gateway_of(from.has_waypoint(), from.waypoint()));
  for (const auto& weighted : from.weighted_waypoints()) {
    TRY(auto destination, gateway_of(true, weighted.destination()));
    to.weighted_waypoints.push_back({std::move(*destination), weighted.weight()});
  }
  TRY(to.load_balancing, balancing_of(from.load_balancing()));
  to.ip_families = families_of(from.ip_families());
  to.canonical = from.canonical();
  to.namespace_only = from.visibility() == pb::VISIBILITY_NAMESPACE;
  return to;
}

}  // namespace

Result<std::variant<Workload, Service>> decode_address(Bytes bytes) {
  using Answer = std::variant<Workload, Service>;
  if (bytes.size() > kResourceBytesMax) {
    return fail(Errc::limit, fmt::format("a resource of {} bytes is over the limit of {}",
                                         bytes.size(), kResourceBytesMax));
  }
  pb::Address address;
  if (!address.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail(Errc::protocol, "the bytes are no istio.workload.Address");
  }
  switch (address.type_case()) {
    case pb::Address::kWorkload: {
      TRY(auto workload, workload_of(address.workload()));
      return Answer(std::move(workload));
    }
    case pb::Address::kService: {
      TRY(auto service, service_of(address.service()));
      return Answer(std::move(service));
    }
    case pb::Address::TYPE_NOT_SET: break;
  }
  return fail(Errc::protocol, "an address is neither a workload nor a service");
}

}  // namespace culvert::policy
