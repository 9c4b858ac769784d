// Workloads, services and policies under the names of ztunnel's serde attributes (wire facts §6.2).
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/admin/mesh_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace culvert::admin {
namespace {

using Json = nlohmann::ordered_json;
using policy::Authorization;
using policy::LoadBalancing;
using policy::Service;
using policy::StringMatch;
using policy::Workload;

void put(Json& out, const char* key, const std::string& value) {
  if (!value.empty()) {
    out[key] = value;
  }
}

Json gateway(const policy::GatewayAddress& address) {
  return {{"destination", to_string(address)}, {"hboneMtlsPort", address.hbone_mtls_port}};
}

Json port_map(const policy::PortMap& ports) {
  Json out = Json::object();
  for (const auto& [service_port, target_port] : ports) {
    out[std::to_string(service_port)] = target_port;
  }
  return out;
}

constexpr std::array<const char*, 4> kWorkloadTypes = {"deployment", "cronjob", "pod", "job"};

const char* name(policy::WorkloadStatus status) {
  return status == policy::WorkloadStatus::healthy ? "Healthy" : "Unhealthy";
}

Json locality(const policy::Locality& locality) {
  return {{"region", locality.region}, {"zone", locality.zone}, {"subzone", locality.subzone}};
}

void put_place(Json& out, const Workload& workload) {
  put(out, "node", workload.node);
  if (workload.native_tunnel) {
    out["nativeTunnel"] = true;
  }
  if (const auto& tunnel = workload.application_tunnel) {
    out["applicationTunnel"] = {{"protocol", tunnel->proxy_protocol ? "PROXY" : "NONE"}};
    if (tunnel->port != 0) {
      out["applicationTunnel"]["port"] = tunnel->port;
    }
  }
  if (!workload.authorization_policies.empty()) {
    out["authorizationPolicies"] = workload.authorization_policies;
  }
  out["status"] = name(workload.status);
  put(out, "clusterId", workload.cluster_id);
  if (workload.locality != policy::Locality{}) {
    out["locality"] = locality(workload.locality);
  }
  if (!workload.services.empty()) {
    Json& services = out["services"] = Json::array();
    for (const auto& [key, ports] : workload.services) {
      services.push_back(key);
    }
  }
  out["capacity"] = workload.capacity;
}

Json workload_json(const Workload& workload) {
  Json out;
  out["uid"] = workload.uid;
  Json& addresses = out["workloadIps"] = Json::array();
  for (const IpAddress& address : workload.addresses) {
    addresses.push_back(to_string(address));
  }
  if (workload.waypoint) {
    out["waypoint"] = gateway(*workload.waypoint);
  }
  if (workload.network_gateway) {
    out["networkGateway"] = gateway(*workload.network_gateway);
  }
  out["protocol"] = workload.protocol == policy::TunnelProtocol::hbone ? "HBONE" : "TCP";
  out["networkMode"] =
      workload.network_mode == policy::NetworkMode::standard ? "Standard" : "HostNetwork";
  put(out, "name", workload.name);
  put(out, "namespace", workload.ns);
  put(out, "trustDomain", workload.trust_domain);
  put(out, "serviceAccount", workload.service_account);
  put(out, "network", workload.network);
  put(out, "workloadName", workload.workload_name);
  out["workloadType"] = kWorkloadTypes.at(static_cast<std::size_t>(workload.type));
  put(out, "canonicalName", workload.canonical_name);
  put(out, "canonicalRevision", workload.canonical_revision);
  put(out, "hostname", workload.hostname);
  put_place(out, workload);
  return out;
}

Json endpoints(const policy::Snapshot& mesh, const Service& service) {
  Json out = Json::object();
  std::vector<policy::WorkloadPtr> all = mesh.endpoints(service);
  std::ranges::sort(all, {}, [](const policy::WorkloadPtr& workload) { return workload->uid; });
  for (const policy::WorkloadPtr& workload : all) {
    const auto ports = workload->services.find(service.key());
    out[workload->uid] = {
        {"workloadUid", workload->uid},
        {"port", port_map(ports == workload->services.end() ? policy::PortMap{} : ports->second)},
        {"status", name(workload->status)}};
  }
  return out;
}

Json load_balancer(const LoadBalancing& balancing) {
  constexpr std::array<const char*, 6> kScopes = {"Region", "Zone",    "Subzone",
                                                  "Node",   "Cluster", "Network"};
  constexpr std::array<const char*, 4> kModes = {"Standard", "Strict", "Failover", "Passthrough"};
  Json preferences = Json::array();
  for (const policy::Scope scope : balancing.preferences) {
    preferences.push_back(kScopes.at(static_cast<std::size_t>(scope)));
  }
  return {{"routingPreferences", std::move(preferences)},
          {"mode", kModes.at(static_cast<std::size_t>(balancing.mode))},
          {"healthPolicy", balancing.allow_unhealthy ? "AllowAll" : "OnlyHealthy"}};
}

void put_addresses(Json& out, const Service& service) {
  Json& vips = out["vips"] = Json::array();
  for (const policy::NetworkAddress& vip : service.vips) {
    vips.push_back(vip.network + "/" + to_string(vip.ip));
  }
  if (!service.cidr_vips.empty()) {
    Json& blocks = out["cidrVips"] = Json::array();
    for (const policy::CidrVip& vip : service.cidr_vips) {
      blocks.push_back(vip.network + "/" + to_string(vip.cidr));
    }
  }
}

Json service_json(const policy::Snapshot& mesh, const Service& service) {
  constexpr std::array<const char*, 4> kFamilies = {"", "IPv4", "IPv6", "Dual"};
  Json out;
  out["name"] = service.name;
  out["namespace"] = service.ns;
  out["hostname"] = service.hostname;
  put_addresses(out, service);
  out["ports"] = port_map(service.ports);
  out["endpoints"] = endpoints(mesh, service);
  Json& names = out["subjectAltNames"] = Json::array();
  for (const SpiffeId& id : service.subject_alt_names) {
    names.push_back(to_string(id));
  }
  if (service.waypoint) {
    out["waypoint"] = gateway(*service.waypoint);
  }
  if (!service.weighted_waypoints.empty()) {
    Json& weighted = out["weightedWaypoints"] = Json::array();
    for (const policy::WeightedWaypoint& waypoint : service.weighted_waypoints) {
      weighted.push_back(
          {{"destination", gateway(waypoint.destination)}, {"weight", waypoint.weight}});
    }
  }
  if (service.load_balancing != LoadBalancing{}) {
    out["loadBalancer"] = load_balancer(service.load_balancing);
  }
  put(out, "ipFamilies", kFamilies.at(static_cast<std::size_t>(service.ip_families)));
  if (service.canonical) {
    out["canonical"] = true;
  }
  out["visibility"] = service.namespace_only ? "Namespace" : "Public";
  return out;
}

Json match_value(const StringMatch& match) {
  switch (match.kind) {
    case StringMatch::Kind::exact: return {{"Exact", match.text}};
    case StringMatch::Kind::prefix: return {{"Prefix", match.text}};
    case StringMatch::Kind::suffix: return {{"Suffix", match.text}};
    case StringMatch::Kind::presence: break;
  }
  return "Presence";
}
Json match_value(const policy::ServiceAccountMatch& match) {
  return {{"namespace", match.ns}, {"serviceAccount", match.service_account}};
}
Json match_value(const Cidr& cidr) {
  return to_string(cidr);
}
Json match_value(std::uint16_t port) {
  return port;
}

template <class Item>
void put_matches(Json& out, const char* key, const std::vector<Item>& items) {
  for (const Item& item : items) {
    out[key].push_back(match_value(item));
  }
}

Json match_json(const policy::Match& match) {
  Json out = Json::object();
  put_matches(out, "namespaces", match.namespaces);
  put_matches(out, "notNamespaces", match.not_namespaces);
  put_matches(out, "serviceAccounts", match.service_accounts);
  put_matches(out, "notServiceAccounts", match.not_service_accounts);
  put_matches(out, "principals", match.principals);
  put_matches(out, "notPrincipals", match.not_principals);
  put_matches(out, "sourceIps", match.source_ips);
  put_matches(out, "notSourceIps", match.not_source_ips);
  put_matches(out, "destinationIps", match.destination_ips);
  put_matches(out, "notDestinationIps", match.not_destination_ips);
  put_matches(out, "destinationPorts", match.destination_ports);
  put_matches(out, "notDestinationPorts", match.not_destination_ports);
  return out;
}

// ztunnel names the fields of a match in Rust's own way; istioctl passes them through unread.
Json policy_json(const Authorization& policy) {
  constexpr std::array<const char*, 3> kScopes = {"Global", "Namespace", "WorkloadSelector"};
  Json rules = Json::array();
  for (const policy::Rule& rule : policy.rules) {
    Json clauses = Json::array();
    for (const policy::Clause& clause : rule.clauses) {
      Json matches = Json::array();
      for (const policy::Match& match : clause) {
        matches.push_back(match_json(match));
      }
      clauses.push_back(std::move(matches));
    }
    rules.push_back(std::move(clauses));
  }
  return {{"name", policy.name},
          {"namespace", policy.ns},
          {"scope", kScopes.at(static_cast<std::size_t>(policy.scope))},
          {"action", policy.action == policy::Action::allow ? "Allow" : "Deny"},
          {"rules", std::move(rules)},
          {"dryRun", policy.dry_run}};
}

// Gives the values of a table in the order of `key`.
template <class Value, class Table, class Key>
std::vector<Value> sorted(const Table& table, Key key) {
  std::vector<Value> all;
  table.for_each([&all](const std::string&, const Value& value) { all.push_back(value); });
  std::ranges::sort(all, {}, key);
  return all;
}

}  // namespace

Json workloads_json(const policy::Snapshot& mesh) {
  Json out = Json::array();
  for (const auto& workload : sorted<policy::WorkloadPtr>(
           mesh.index().workloads, [](const auto& found) { return found->uid; })) {
    out.push_back(workload_json(*workload));
  }
  return out;
}

Json services_json(const policy::Snapshot& mesh) {
  Json out = Json::array();
  for (const auto& service : sorted<policy::ServicePtr>(
           mesh.index().services, [](const auto& found) { return found->key(); })) {
    out.push_back(service_json(mesh, *service));
  }
  return out;
}

Json policies_json(const policy::Snapshot& mesh) {
  Json out = Json::array();
  for (const auto& authorization : sorted<policy::AuthorizationPtr>(
           mesh.index().authorizations, [](const auto& found) { return found->key(); })) {
    out.push_back(policy_json(*authorization));
  }
  return out;
}

}  // namespace culvert::admin
