// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/address_resources.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "agent/mesh/peer_authentication.h"
#include "agent/mesh/waypoints.h"

namespace culvert::mesh {
namespace {

namespace pb = istio::workload;

const std::string kDataplaneMode = "istio.io/dataplane-mode";
const std::string kSidecarStatus = "sidecar.istio.io/status";
const std::string kTunnelLabel = "networking.istio.io/tunnel";
const std::string kTemplateHash = "pod-template-hash";

void add_ips(const std::vector<IpAddress>& ips, pb::Workload& to) {
  for (const auto& ip : ips) {
    to.add_addresses(std::string(as_text(ip.octets())));
  }
}

void set_locality(const Objects& objects, const std::string& node, pb::Workload& to) {
  const auto found = objects.nodes.find({{}, node});
  if (found == objects.nodes.end()) {
    return;
  }
  const auto& [meta, region, zone, subzone] = found->second;
  if (!region.empty() || !zone.empty() || !subzone.empty()) {
    to.mutable_locality()->set_region(region);
    to.mutable_locality()->set_zone(zone);
    to.mutable_locality()->set_subzone(subzone);
  }
}

void add_services(const ServedPorts& services, pb::Workload& to) {
  for (const auto& [name, ports] : services) {
    auto& list = (*to.mutable_services())[name];
    for (const auto& [service_port, target_port] : ports) {
      auto& port = *list.add_ports();
      port.set_service_port(service_port);
      port.set_target_port(target_port);
    }
  }
}

// The name of what made the pod: its Deployment rather than the ReplicaSet, which has the hash of
// the pod template at its end.
void set_owner(const Pod& pod, pb::Workload& to) {
  to.set_workload_name(pod.meta.name);
  to.set_workload_type(pb::POD);
  if (!pod.owner) {
    return;
  }
  const auto hash = "-" + std::string(text_of(pod.meta.labels, kTemplateHash));
  if (pod.owner->kind == "ReplicaSet" && hash.size() > 1 && pod.owner->name.ends_with(hash)) {
    to.set_workload_name(pod.owner->name.substr(0, pod.owner->name.size() - hash.size()));
    to.set_workload_type(pb::DEPLOYMENT);
  } else if (pod.owner->kind == "Job") {
    to.set_workload_name(pod.owner->name);
    to.set_workload_type(pb::JOB);
  }
}

std::string first_label(const Labels& labels, std::initializer_list<const char*> keys,
                        std::string fallback) {
  for (const auto* key : keys) {
    if (const auto value = text_of(labels, key); !value.empty()) {
      return std::string(value);
    }
  }
  return fallback;
}

// speaks_hbone: captured pods do, by our own knowledge or by their annotation, and those that say
// that they tunnel themselves.
bool speaks_hbone(const MeshOptions& options, const std::set<std::string>& enrolled,
                  const Pod& pod) {
  if (pod.host_network) {
    return false;
  }
  return is_redirected(pod) || (is_mine(pod, options) && enrolled.contains(pod.meta.uid));
}

void add_policies(const Objects& objects, const MeshOptions& options, const Pod& pod,
                  pb::Workload& to) {
  if (options.leaves) {
    return;
  }
  std::set<std::string> names;
  for (const auto& name : peer_policies(objects, options, pod)) {
    names.insert(name);
  }
  const auto& table = objects.authorization_policies;
  for (const auto& ns : {options.root_namespace, pod.meta.ns}) {
    for (auto it = table.lower_bound({ns, {}}); it != table.end() && it->first.first == ns; ++it) {
      const auto& policy = it->second;
      if (!policy.ignored && policy.selector && selects(*policy.selector, pod.meta.labels)) {
        names.insert(ns + "/" + policy.meta.name);
      }
    }
  }
  to.mutable_authorization_policies()->Assign(names.begin(), names.end());
}

void set_balancing(const Service& service, pb::Service& to) {
  using Balancing = pb::LoadBalancing;
  auto set = [&](Balancing::Mode mode, std::initializer_list<Balancing::Scope> scopes) {
    to.mutable_load_balancing()->set_mode(mode);
    for (const auto scope : scopes) {
      to.mutable_load_balancing()->add_routing_preference(scope);
    }
  };
  if (service.node_local) {
    set(Balancing::STRICT, {Balancing::NODE});
  } else if (service.distribution == Service::Distribution::same_zone) {
    set(Balancing::FAILOVER, {Balancing::NETWORK, Balancing::REGION, Balancing::ZONE});
  } else if (service.distribution == Service::Distribution::same_node) {
    set(Balancing::FAILOVER, {Balancing::NETWORK, Balancing::REGION, Balancing::ZONE,
                              Balancing::SUBZONE, Balancing::NODE});
  }
  if (service.publish_not_ready) {
    to.mutable_load_balancing()->set_health_policy(Balancing::ALLOW_ALL);
  }
}

pb::IPFamilies families_of(const Service& service) {
  if (service.ipv4 && service.ipv6) {
    return pb::DUAL;
  }
  return service.ipv4 ? pb::IPV4_ONLY : service.ipv6 ? pb::IPV6_ONLY : pb::AUTOMATIC;
}

}  // namespace

bool is_mine(const Pod& pod, const MeshOptions& options) {
  return !pod.node.empty() && pod.node == options.node;
}

std::string_view dataplane_mode(const Meta& meta) {
  return text_of(meta.labels, kDataplaneMode);
}

std::optional<bool> is_ambient(const Objects& objects, const Pod& pod) {
  if (pod.meta.annotations.contains(kSidecarStatus)) {
    return false;  // it has a proxy of its own already
  }
  // Any other value leaves it to the namespace, as Istio does.
  if (const auto own = dataplane_mode(pod.meta); own == "ambient" || own == "none") {
    return own == "ambient";
  }
  const auto ns = objects.namespaces.find({{}, pod.meta.ns});
  return ns == objects.namespaces.end() ? std::nullopt : std::optional(is_ambient(ns->second));
}

bool is_ambient(const Namespace& ns) {
  return dataplane_mode(ns.meta) == "ambient";
}

pb::Workload workload_of(const Objects& objects, const MeshOptions& options,
                         const std::set<std::string>& enrolled, const Pod& pod,
                         const ServedPorts& services, std::vector<Problem>& problems) {
  pb::Workload to;
  to.set_uid(fmt::format("{}//Pod/{}/{}", options.cluster_id, pod.meta.ns, pod.meta.name));
  to.set_name(pod.meta.name);
  to.set_namespace_(pod.meta.ns);
  add_ips(pod.ips, to);
  to.set_native_tunnel(text_of(pod.meta.labels, kTunnelLabel) == "http");
  to.set_tunnel_protocol(to.native_tunnel() || speaks_hbone(options, enrolled, pod) ? pb::HBONE
                                                                                    : pb::NONE);
  to.set_trust_domain(options.trust_domain);
  to.set_service_account(pod.service_account);
  to.set_node(pod.node);
  set_locality(objects, pod.node, to);
  set_owner(pod, to);
  to.set_canonical_name(first_label(
      pod.meta.labels, {"service.istio.io/canonical-name", "app.kubernetes.io/name", "app"},
      to.workload_name()));
  to.set_canonical_revision(first_label(
      pod.meta.labels,
      {"service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"}, "latest"));
  add_policies(objects, options, pod, to);
  to.set_status(pod.ready ? pb::HEALTHY : pb::UNHEALTHY);
  to.set_cluster_id(options.cluster_id);
  to.set_network_mode(pod.host_network ? pb::HOST_NETWORK : pb::STANDARD);
  add_services(services, to);
  if (auto waypoint =
          find_waypoint(objects, options, "Pod", pod.meta, WaypointFor::workload, problems)) {
    *to.mutable_waypoint() = std::move(*waypoint);
  }
  return to;
}

pb::Workload workload_of(const Objects& objects, const MeshOptions& options,
                         const Outsider& outsider) {
  pb::Workload to;
  to.set_uid(outsider.uid);
  to.set_name(outsider.name);
  to.set_namespace_(outsider.ns);
  add_ips(outsider.ips, to);
  to.set_trust_domain(options.trust_domain);
  to.set_node(outsider.node);
  set_locality(objects, outsider.node, to);
  to.set_cluster_id(options.cluster_id);
  to.set_workload_name(outsider.name);
  to.set_workload_type(pb::POD);
  to.set_canonical_name(outsider.name);
  to.set_canonical_revision("latest");
  add_services(outsider.services, to);
  return to;
}

pb::Service service_of(const Objects& objects, const MeshOptions& options, const Service& service,
                       std::vector<Problem>& problems) {
  pb::Service to;
  to.set_name(service.meta.name);
  to.set_namespace_(service.meta.ns);
  to.set_hostname(hostname_of(service, options));
  for (const auto& ip : service.cluster_ips) {
    to.add_addresses()->set_address(std::string(as_text(ip.octets())));
  }
  for (const auto& from : service.ports) {
    auto& port = *to.add_ports();
    port.set_service_port(from.port);
    port.set_target_port(from.target_port);
  }
  set_balancing(service, to);
  to.set_ip_families(families_of(service));
  to.set_canonical(true);  // the cluster's own Service outranks others that claim its hostname
  if (auto waypoint = find_waypoint(objects, options, "Service", service.meta, WaypointFor::service,
                                    problems)) {
    *to.mutable_waypoint() = std::move(*waypoint);
  }
  return to;
}

}  // namespace culvert::mesh
