// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/policy/snapshot.h"

#include <tuple>

namespace culvert::policy {
namespace {

template <class Pointer>
Pointer value_or_null(const Pointer* found) {
  return found == nullptr ? nullptr : *found;
}

// Ranks services that share an address; the first of the highest rank is taken.
int rank(const Service& service, std::string_view client_ns) {
  return service.ns == client_ns ? 2 : service.canonical ? 1 : 0;
}

bool visible(const Service& service, std::string_view client_ns) {
  return !service.namespace_only || service.ns == client_ns;
}

ServicePtr best_of(const MeshIndex::Services& services, std::string_view client_ns) {
  ServicePtr best;
  for (const auto& service : services) {
    if (visible(*service, client_ns) &&
        (best == nullptr || rank(*service, client_ns) > rank(*best, client_ns))) {
      best = service;
    }
  }
  return best;
}

// Longest-prefix search over the few services that own whole blocks.
ServicePtr by_block(const MeshIndex::Services& services, const NetworkAddress& address,
                    std::string_view client_ns) {
  ServicePtr best;
  std::tuple<bool, int, bool> best_rank;
  for (const auto& service : services) {
    for (const auto& vip : service->cidr_vips) {
      if (vip.network != address.network || !vip.cidr.contains(address.ip) ||
          !visible(*service, client_ns)) {
        continue;
      }
      const std::tuple<bool, int, bool> mine{service->ns == client_ns, vip.cidr.prefix_bits,
                                             service->canonical};
      if (best == nullptr || mine > best_rank) {
        best = service;
        best_rank = mine;
      }
    }
  }
  return best;
}

std::string slashed(std::string_view a, std::string_view b) {
  std::string key(a);
  key += '/';
  key += b;
  return key;
}

}  // namespace

MeshIndex MeshIndex::share() {
  return {workloads.share(),          workloads_by_ip.share(), workloads_by_pod.share(),
          services.share(),           services_by_vip.share(), services_by_hostname.share(),
          endpoints.share(),          cidr_services,           authorizations.share(),
          namespace_policies.share(), global_policies};
}

WorkloadPtr Snapshot::workload(std::string_view uid) const {
  return value_or_null(index_.workloads.find(uid));
}

WorkloadPtr Snapshot::workload_by_ip(std::string_view network, const IpAddress& ip) const {
  const auto* found = index_.workloads_by_ip.find(NetworkAddress{std::string(network), ip});
  return found == nullptr ? nullptr : found->front();
}

WorkloadPtr Snapshot::local_workload(std::string_view ns, std::string_view name,
                                     std::string_view service_account) const {
  const auto* found = index_.workloads_by_pod.find(slashed(slashed(ns, name), service_account));
  return found == nullptr ? nullptr : found->front();
}

ServicePtr Snapshot::service(std::string_view ns, std::string_view hostname) const {
  return service_by_key(slashed(ns, hostname));
}

ServicePtr Snapshot::service_by_key(std::string_view key) const {
  return value_or_null(index_.services.find(key));
}

ServicePtr Snapshot::service_by_hostname(std::string_view hostname,
                                         std::string_view preferred_ns) const {
  const auto* found = index_.services_by_hostname.find(hostname);
  return found == nullptr ? nullptr : best_of(*found, preferred_ns);
}

ServicePtr Snapshot::service_by_vip(std::string_view network, const IpAddress& ip,
                                    std::string_view client_ns) const {
  const NetworkAddress address{std::string(network), ip};
  if (const auto* found = index_.services_by_vip.find(address)) {
    if (auto best = best_of(*found, client_ns)) {
      return best;
    }
  }
  return index_.cidr_services == nullptr ? nullptr
                                         : by_block(*index_.cidr_services, address, client_ns);
}

const std::vector<WorkloadPtr>& Snapshot::endpoints(const Service& service) const {
  static const std::vector<WorkloadPtr> kNone;
  const auto* found = index_.endpoints.find(service.key());
  return found == nullptr ? kNone : **found;
}

AuthorizationPtr Snapshot::authorization(std::string_view key) const {
  return value_or_null(index_.authorizations.find(key));
}

std::vector<AuthorizationPtr> Snapshot::policies_for(const Workload& workload) const {
  std::vector<AuthorizationPtr> policies;
  if (index_.global_policies != nullptr) {
    policies = *index_.global_policies;
  }
  if (const auto* found = index_.namespace_policies.find(workload.ns)) {
    policies.insert(policies.end(), found->begin(), found->end());
  }
  for (const auto& name : workload.authorization_policies) {
    auto policy = authorization(name);
    const bool listed_twice =
        policy != nullptr &&
        (policy->scope == PolicyScope::global ||
         (policy->scope == PolicyScope::namespace_wide && policy->ns == workload.ns));
    if (policy != nullptr && !listed_twice) {
      policies.push_back(std::move(policy));
    }
  }
  return policies;
}

}  // namespace culvert::policy
