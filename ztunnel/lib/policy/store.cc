// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/policy/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ztunnel/lib/base/assert.h"
#include "ztunnel/lib/policy/decode.h"

namespace culvert::policy {
namespace {

// Ranks workloads that claim one address or one pod: the one that is surely a pod of this mesh
// wins.
int rank(const Workload& workload) {
  const bool pod = workload.uid.contains("//Pod/");
  return (pod ? 2 : 0) + (workload.protocol == TunnelProtocol::hbone ? 1 : 0);
}

bool before(const WorkloadPtr& a, const WorkloadPtr& b) {
  return rank(*a) != rank(*b) ? rank(*a) > rank(*b) : a->uid < b->uid;
}
bool before(const ServicePtr& a, const ServicePtr& b) {
  return a->key() < b->key();
}
bool before(const AuthorizationPtr& a, const AuthorizationPtr& b) {
  return a->key() < b->key();
}

// place puts `item` into the sorted list or takes it out; lists are of the few that share a key.
template <class Pointer>
void place(std::vector<Pointer>& list, const Pointer& item, bool present) {
  std::erase(list, item);
  if (present) {
    list.insert(std::ranges::upper_bound(list, item,
                                         [](const auto& a, const auto& b) { return before(a, b); }),
                item);
  }
}

template <class Map, class Key, class Pointer>
void place_in(Map& map, const Key& key, const Pointer& item, bool present) {
  const auto* found = map.find(key);
  auto list = found == nullptr ? std::vector<Pointer>() : *found;
  place(list, item, present);
  if (list.empty()) {
    map.erase(key);
  } else {
    map.put(key, std::move(list));
  }
}

template <class Pointer>
void place_in(std::shared_ptr<const std::vector<Pointer>>& shared, const Pointer& item,
              bool present) {
  auto list = shared == nullptr ? std::vector<Pointer>() : *shared;
  place(list, item, present);
  shared = std::make_shared<const std::vector<Pointer>>(std::move(list));
}

// A resource that is named otherwise than what it holds could never be removed by its name, and
// could take another's place.
Result<> check_name(std::string_view resource, const std::string& held) {
  if (resource != held) {
    return fail(Errc::protocol, fmt::format("the resource holds {} instead", held));
  }
  return {};
}

std::string key_of(const std::variant<Workload, Service>& address) {
  const auto* workload = std::get_if<Workload>(&address);
  return workload != nullptr ? workload->uid : std::get<Service>(address).key();
}

Result<std::variant<Workload, Service>> read_address(const ResourceBytes& resource) {
  TRY(auto address, decode_address(resource.value));
  TRY_VOID(check_name(resource.name, key_of(address)));
  return address;
}

Result<DecodedAuthorization> read_authorization(const ResourceBytes& resource) {
  TRY(auto decoded, decode_authorization(resource.value));
  TRY_VOID(check_name(resource.name, decoded.policy.key()));
  return decoded;
}

std::string pod_key(const Workload& w) {
  return w.ns + "/" + w.name + "/" + w.service_account;
}

}  // namespace

Store::Store() : current_(std::make_shared<const Snapshot>()) {}

std::vector<Problem> Store::apply_addresses(std::span<const ResourceBytes> added,
                                            std::span<const std::string> removed) {
  std::vector<Problem> problems;
  bool changed = false;
  for (const auto& resource : added) {
    auto decoded = read_address(resource);
    const bool full = index_.workloads.size() + index_.services.size() >= kRecordsMax;
    if (!decoded || full) {
      problems.push_back({std::string(resource.name),
                          decoded ? fmt::format("more than {} workloads and services", kRecordsMax)
                                  : to_string(decoded.error()),
                          true});
    } else if (auto* workload = std::get_if<Workload>(&*decoded)) {
      changed |= put_workload(std::move(*workload));
    } else {
      changed |= put_service(std::move(std::get<Service>(*decoded)));
    }
  }
  for (const auto& name : removed) {
    // The name alone does not tell the kind (wire-facts §3.4).
    changed |= remove_workload(name) || remove_service(name);
  }
  apply_endpoint_changes();
  generation_ += changed ? 1 : 0;
  return problems;
}

std::vector<Problem> Store::apply_authorizations(std::span<const ResourceBytes> added,
                                                 std::span<const std::string> removed) {
  std::vector<Problem> problems;
  bool changed = false;
  for (const auto& resource : added) {
    const std::string name(resource.name);
    if (index_.authorizations.size() >= kRecordsMax) {
      problems.push_back({name, fmt::format("more than {} policies", kRecordsMax), true});
      continue;
    }
    auto decoded = read_authorization(resource);
    if (!decoded) {
      problems.push_back({name, to_string(decoded.error()), true});
      if (index_.authorizations.find(name) == nullptr) {
        changed |= put_authorization(unreadable_authorization(name));
      }
      continue;
    }
    for (auto& sentence : decoded->problems) {
      problems.push_back({name, std::move(sentence), false});
    }
    changed |= put_authorization(std::move(decoded->policy));
  }
  for (const auto& name : removed) {
    changed |= remove_authorization(name);
  }
  generation_ += changed ? 1 : 0;
  policy_generation_ += changed ? 1 : 0;
  return problems;
}

SnapshotPtr Store::snapshot() {
  if (current_->generation() != generation_) {
    retired_.push_back(std::move(current_));
    current_ = std::make_shared<const Snapshot>(index_.share(), generation_, policy_generation_);
  }
  sweep();
  return current_;
}

std::size_t Store::sweep() {
  // A count of one is ours alone: nobody can take a new reference to a snapshot that is not
  // current.
  std::erase_if(retired_, [](const SnapshotPtr& old) { return old.use_count() == 1; });
  return retired_.size();
}

bool Store::put_workload(Workload workload) {
  const auto* found = index_.workloads.find(workload.uid);
  const WorkloadPtr old = found == nullptr ? nullptr : *found;
  if (old != nullptr && *old == workload) {
    return false;  // a resync sends much that is known: keep the pointers that connections hold
  }
  const auto& listed = workload.authorization_policies;
  const bool same_policies =
      old == nullptr ? listed.empty() : old->authorization_policies == listed;
  policy_generation_ += same_policies ? 0 : 1;
  if (old != nullptr) {
    index_workload(old, false);
  }
  index_workload(std::make_shared<const Workload>(std::move(workload)), true);
  return true;
}

bool Store::remove_workload(const std::string& uid) {
  const auto* found = index_.workloads.find(uid);
  if (found == nullptr) {
    return false;
  }
  index_workload(WorkloadPtr(*found), false);
  return true;
}

void Store::index_workload(const WorkloadPtr& workload, bool present) {
  if (present) {
    index_.workloads.put(workload->uid, workload);
  } else {
    index_.workloads.erase(workload->uid);
  }
  place_in(index_.workloads_by_pod, pod_key(*workload), workload, present);
  // Pods of the host network share their node's address, which therefore names none of them.
  if (workload->network_mode != NetworkMode::host_network) {
    for (const auto& ip : workload->addresses) {
      place_in(index_.workloads_by_ip, NetworkAddress{workload->network, ip}, workload, present);
    }
  }
  for (const auto& [key, ports] : workload->services) {
    auto& changes = endpoint_changes_[key];
    if (present) {
      changes.come.push_back(workload);
    } else {
      changes.gone.insert(workload->uid);
      std::erase(changes.come, workload);
    }
  }
}

void Store::apply_endpoint_changes() {
  for (auto& [key, changes] : endpoint_changes_) {
    const auto* found = index_.endpoints.find(key);
    MeshIndex::Workloads list;
    if (found != nullptr) {
      list.reserve((*found)->size() + changes.come.size());
      std::ranges::copy_if(**found, std::back_inserter(list), [&](const WorkloadPtr& endpoint) {
        return !changes.gone.contains(endpoint->uid);
      });
    }
    list.insert(list.end(), changes.come.begin(), changes.come.end());
    if (list.empty()) {
      index_.endpoints.erase(key);
    } else {
      index_.endpoints.put(key, std::make_shared<const MeshIndex::Workloads>(std::move(list)));
    }
  }
  endpoint_changes_.clear();
}

bool Store::put_service(Service service) {
  const auto* found = index_.services.find(service.key());
  const ServicePtr old = found == nullptr ? nullptr : *found;
  if (old != nullptr && *old == service) {
    return false;
  }
  if (old != nullptr) {
    index_service(old, false);
  }
  index_service(std::make_shared<const Service>(std::move(service)), true);
  return true;
}

bool Store::remove_service(const std::string& key) {
  const auto* found = index_.services.find(key);
  if (found == nullptr) {
    return false;
  }
  index_service(ServicePtr(*found), false);
  return true;
}

void Store::index_service(const ServicePtr& service, bool present) {
  if (present) {
    index_.services.put(service->key(), service);
  } else {
    index_.services.erase(service->key());
  }
  place_in(index_.services_by_hostname, service->hostname, service, present);
  for (const auto& vip : service->vips) {
    place_in(index_.services_by_vip, vip, service, present);
  }
  if (!service->cidr_vips.empty()) {
    place_in(index_.cidr_services, service, present);
  }
}

bool Store::put_authorization(Authorization policy) {
  const auto* found = index_.authorizations.find(policy.key());
  const AuthorizationPtr old = found == nullptr ? nullptr : *found;
  if (old != nullptr && *old == policy) {
    return false;
  }
  if (old != nullptr) {
    index_authorization(old, false);
  }
  index_authorization(std::make_shared<const Authorization>(std::move(policy)), true);
  return true;
}

bool Store::remove_authorization(const std::string& key) {
  const auto* found = index_.authorizations.find(key);
  if (found == nullptr) {
    return false;
  }
  index_authorization(AuthorizationPtr(*found), false);
  return true;
}

void Store::index_authorization(const AuthorizationPtr& policy, bool present) {
  if (present) {
    index_.authorizations.put(policy->key(), policy);
  } else {
    index_.authorizations.erase(policy->key());
  }
  switch (policy->scope) {
    case PolicyScope::global: place_in(index_.global_policies, policy, present); break;
    case PolicyScope::namespace_wide:
      place_in(index_.namespace_policies, policy->ns, policy, present);
      break;
    case PolicyScope::workload_selector: break;  // found by the names that workloads list
  }
}

}  // namespace culvert::policy
