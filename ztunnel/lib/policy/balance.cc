// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/policy/balance.h"

#include <algorithm>

namespace culvert::policy {
namespace {

bool same(Scope scope, const Workload& a, const Workload& b) {
  switch (scope) {
    case Scope::region: return a.locality.region == b.locality.region;
    case Scope::zone: return a.locality.zone == b.locality.zone;
    case Scope::subzone: return a.locality.subzone == b.locality.subzone;
    case Scope::node: return a.node == b.node;
    case Scope::cluster: return a.cluster_id == b.cluster_id;
    case Scope::network: return a.network == b.network;
  }
  return false;
}

// rank counts the leading preferences that match. NETWORK in the first place does not stop the
// count when it differs, but outranks all others when it matches.
std::size_t rank(const std::vector<Scope>& preferences, const Workload& source,
                 const Workload& endpoint) {
  std::size_t score = 0;
  for (std::size_t i = 0; i < preferences.size(); ++i) {
    const bool match = same(preferences[i], source, endpoint);
    if (i == 0 && preferences[i] == Scope::network) {
      score += match ? preferences.size() : 0;
    } else if (match) {
      ++score;
    } else {
      break;
    }
  }
  return score;
}

// reachable tells if the workload can be connected to at all.
bool reachable(const Workload& workload, const Workload& source) {
  return !workload.addresses.empty() || !workload.hostname.empty() ||
         (workload.network != source.network && workload.network_gateway.has_value());
}

bool permits(IpFamilies families, const IpAddress& ip) {
  return families == IpFamilies::automatic || families == IpFamilies::dual ||
         (families == IpFamilies::ipv4_only) == ip.is_v4();
}

}  // namespace

std::optional<std::uint16_t> target_port(const Service& service, const Workload& workload,
                                         std::uint16_t service_port) {
  const auto declared = service.ports.find(service_port);
  if (declared == service.ports.end()) {
    return std::nullopt;
  }
  if (const auto own = workload.services.find(service.key()); own != workload.services.end()) {
    if (const auto port = own->second.find(service_port);
        port != own->second.end() && port->second != 0) {
      return port->second;
    }
  }
  if (declared->second != 0) {
    return declared->second;
  }
  return std::nullopt;
}

std::optional<Endpoint> select_endpoint(const Snapshot& snapshot, const Service& service,
                                        const Workload& source, std::uint16_t service_port,
                                        Rng& rng) {
  using Mode = LoadBalancing::Mode;
  const auto& balancing = service.load_balancing;
  const WorkloadPtr* chosen = nullptr;
  std::size_t best_rank = 0;
  std::uint64_t total = 0;  // capacity of the candidates of the best rank so far
  for (const auto& workload : snapshot.endpoints(service)) {
    const bool healthy = workload->status == WorkloadStatus::healthy || balancing.allow_unhealthy;
    if (!healthy || workload->capacity == 0 || !reachable(*workload, source) ||
        !target_port(service, *workload, service_port)) {
      continue;
    }
    if (balancing.mode == Mode::strict &&
        !std::ranges::all_of(balancing.preferences,
                             [&](Scope scope) { return same(scope, source, *workload); })) {
      continue;
    }
    const auto score =
        balancing.mode == Mode::failover ? rank(balancing.preferences, source, *workload) : 0;
    if (chosen != nullptr && score < best_rank) {
      continue;
    }
    if (score > best_rank) {
      total = 0;
      best_rank = score;
    }
    // Weighted reservoir of one: each candidate replaces the former with capacity / total so far.
    total += workload->capacity;
    if (rng.below(total) < workload->capacity) {
      chosen = &workload;
    }
  }
  if (chosen == nullptr) {
    return std::nullopt;
  }
  return Endpoint{*chosen, *target_port(service, **chosen, service_port)};
}

std::optional<IpAddress> address_of(const Workload& workload, const IpAddress& wanted,
                                    IpFamilies families) {
  if (workload.has_address(wanted)) {
    return wanted;
  }
  std::optional<IpAddress> other_family;
  for (const auto& ip : workload.addresses) {
    if (!permits(families, ip)) {
      continue;
    }
    if (ip.is_v4() == wanted.is_v4()) {
      return ip;
    }
    other_family = other_family ? other_family : ip;
  }
  return other_family;
}

}  // namespace culvert::policy
