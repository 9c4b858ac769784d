// Store: what xDS has told so far, on the control thread; it makes the snapshots.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ztunnel/lib/base/bytes.h"
#include "ztunnel/lib/policy/snapshot.h"

namespace culvert::policy {

// ResourceBytes is one resource of a push: its xDS name and the serialized message. Borrowed.
struct ResourceBytes {
  std::string_view name;
  Bytes value;
};

// Problem is what the answer to a push must report (NACK).
struct Problem {
  std::string resource;  // xDS name
  std::string sentence;
  // Rejected resources leave their former version in force; the others were applied, stricter than
  // written (decode.h).
  bool rejected = false;
};

class Store {
 public:
  // The most records of each kind that are kept; more are rejected with a problem. A mesh of
  // Kubernetes' own limit (150,000 pods) fits twice.
  static constexpr std::size_t kRecordsMax = 300'000;

  Store();

  // apply_addresses applies one push of istio.workload.Address: all `added`, then the `removed`
  // names. Endpoint lists are rebuilt once per service, whatever the size of the push.
  std::vector<Problem> apply_addresses(std::span<const ResourceBytes> added,
                                       std::span<const std::string> removed);

  // apply_authorizations does the same for istio.security.Authorization.
  std::vector<Problem> apply_authorizations(std::span<const ResourceBytes> added,
                                            std::span<const std::string> removed);

  // snapshot gives the mesh as it is now; the same pointer as before if nothing has changed.
  SnapshotPtr snapshot();

  // sweep frees snapshots that no worker holds any more, here instead of on the worker that would
  // let go last. Call it from the control thread now and then; snapshot() does too. Returns how
  // many old ones are still held.
  std::size_t sweep();

 private:
  struct EndpointChanges {
    std::set<std::string> gone;  // uids
    std::vector<WorkloadPtr> come;
  };

  bool put_workload(Workload workload);
  bool put_service(Service service);
  bool put_authorization(Authorization policy);
  bool remove_workload(const std::string& uid);
  bool remove_service(const std::string& key);
  bool remove_authorization(const std::string& key);
  void index_service(const ServicePtr& service, bool present);
  void index_workload(const WorkloadPtr& workload, bool present);
  void index_authorization(const AuthorizationPtr& policy, bool present);
  void apply_endpoint_changes();

  MeshIndex index_;
  std::map<std::string, EndpointChanges> endpoint_changes_;  // by service key, within one push
  std::uint64_t generation_ = 0;
  std::uint64_t policy_generation_ = 0;
  SnapshotPtr current_;
  std::vector<SnapshotPtr> retired_;  // old ones that workers may still hold
};

}  // namespace culvert::policy
