// Snapshot: the whole mesh at one moment, immutable. Workers hold a shared_ptr to the newest one
// and look at nothing else; the Store (store.h) makes them on the control thread.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ztunnel/lib/policy/authorization.h"
#include "ztunnel/lib/policy/service.h"
#include "ztunnel/lib/policy/shared_map.h"
#include "ztunnel/lib/policy/workload.h"

namespace culvert::policy {

// MeshIndex is every table of the mesh; all of it is shared between snapshots. Only Store writes
// it.
struct MeshIndex {
  template <class Value>
  using ByText = SharedMap<std::string, Value, TextHash>;
  template <class Value>
  using ByAddress = SharedMap<NetworkAddress, Value>;
  using Workloads = std::vector<WorkloadPtr>;
  using Services = std::vector<ServicePtr>;
  using Policies = std::vector<AuthorizationPtr>;

  ByText<WorkloadPtr> workloads;         // by uid
  ByAddress<Workloads> workloads_by_ip;  // the one that wins a conflict first
  ByText<Workloads> workloads_by_pod;    // by "namespace/name/service account"
  ByText<ServicePtr> services;           // by "namespace/hostname"
  ByAddress<Services> services_by_vip;
  ByText<Services> services_by_hostname;
  ByText<std::shared_ptr<const Workloads>> endpoints;  // by "namespace/hostname", known or not yet
  std::shared_ptr<const Services> cidr_services;       // the few that own blocks of addresses
  ByText<AuthorizationPtr> authorizations;             // by "namespace/name"
  ByText<Policies> namespace_policies;                 // by namespace
  std::shared_ptr<const Policies> global_policies;

  // share makes a copy that never changes.
  MeshIndex share();
};

class Snapshot {
 public:
  Snapshot() = default;  // an empty mesh
  Snapshot(MeshIndex index, std::uint64_t generation, std::uint64_t policy_generation)
      : index_(std::move(index)), generation_(generation), policy_generation_(policy_generation) {}

  // generation grows with each change; policy_generation only with those that can change a verdict
  // of authorize (an Authorization, or the list of them on a workload).
  std::uint64_t generation() const { return generation_; }
  std::uint64_t policy_generation() const { return policy_generation_; }

  // Each of these gives null if there is no such thing.
  WorkloadPtr workload(std::string_view uid) const;
  WorkloadPtr workload_by_ip(std::string_view network, const IpAddress& ip) const;
  // local_workload is a pod's own record, found the way ZDS names it.
  WorkloadPtr local_workload(std::string_view ns, std::string_view name,
                             std::string_view service_account) const;
  ServicePtr service(std::string_view ns, std::string_view hostname) const;
  ServicePtr service_by_key(std::string_view key) const;  // "namespace/hostname"
  // service_by_hostname prefers a service of `preferred_ns`, then a canonical one.
  ServicePtr service_by_hostname(std::string_view hostname, std::string_view preferred_ns) const;
  // service_by_vip looks for the exact address, then for the longest block that holds it; among
  // several it prefers one of the client's namespace, then a canonical one (wire-facts §2.1 step
  // 4).
  ServicePtr service_by_vip(std::string_view network, const IpAddress& ip,
                            std::string_view client_ns) const;

  // endpoints are the workloads that serve `service`, healthy or not; borrowed from this snapshot.
  const std::vector<WorkloadPtr>& endpoints(const Service& service) const;

  AuthorizationPtr authorization(std::string_view key) const;  // "namespace/name"
  // policies_for are the policies in force at `workload`: the global ones, those of its namespace,
  // and those that it lists (names that are unknown are left out, as ztunnel does).
  std::vector<AuthorizationPtr> policies_for(const Workload& workload) const;

  // For dumps: every record, in no order.
  const MeshIndex& index() const { return index_; }

 private:
  MeshIndex index_;
  std::uint64_t generation_ = 0;
  std::uint64_t policy_generation_ = 0;
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace culvert::policy
