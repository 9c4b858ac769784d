// Workloads and services as the control plane sends them: decoded, stored, and asked for routes and
// verdicts. The tables must agree with one another and with a store that was told the result at
// once; every route must be one that a connection can take or a refusal that says why; and when
// everything is removed nothing may be left.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <set>

#include "ztunnel/lib/base/assert.h"
#include "ztunnel/lib/control/proto/discovery.pb.h"
#include "ztunnel/lib/policy/authorize.h"
#include "ztunnel/lib/policy/decode.h"
#include "ztunnel/lib/policy/inbound.h"
#include "ztunnel/lib/policy/route.h"
#include "ztunnel/lib/policy/store.h"

namespace culvert::fuzz {
namespace {

using namespace policy;
using Response = envoy::service::discovery::v3::DeltaDiscoveryResponse;

// A push borrows from the response that it was made of.
struct Push {
  std::vector<ResourceBytes> added;
  std::vector<std::string> removed;
};

// split_in_two cuts a response into two pushes, so that records are replaced and removed, too: it
// gives the first half of the resources, then the rest with the removed names.
std::vector<Push> split_in_two(const Response& response) {
  std::vector<Push> pushes(2);
  for (int i = 0; i < response.resources_size(); ++i) {
    const auto& resource = response.resources(i);
    pushes[i < response.resources_size() / 2 ? 0 : 1].added.push_back(
        {resource.name(), as_bytes(resource.resource().value())});
  }
  pushes[1].removed.assign(response.removed_resources().begin(),
                           response.removed_resources().end());
  return pushes;
}

// So many records of a mesh are asked for routes among each other; more would only be slow.
constexpr std::size_t kAskedMax = 12;

template <class Value, class Visit>
void each(const Value& table, Visit visit) {
  table.for_each([&](const auto& key, const auto& value) { visit(key, value); });
}

std::set<std::string> endpoint_uids(const Snapshot& snapshot, const std::string& service) {
  std::set<std::string> uids;
  if (const auto* found = snapshot.index().endpoints.find(service)) {
    for (const auto& workload : **found) {
      CULVERT_ASSERT(uids.insert(workload->uid).second);  // nobody serves twice
    }
  }
  return uids;
}

// The tables by address, pod and service hold exactly what the records say.
void check_tables(const Snapshot& snapshot) {
  const auto& index = snapshot.index();
  std::map<std::string, std::set<std::string>> serving;
  each(index.workloads, [&](const std::string& uid, const WorkloadPtr& workload) {
    CULVERT_ASSERT(workload->uid == uid);
    for (const auto& ip : workload->addresses) {
      const bool found = snapshot.workload_by_ip(workload->network, ip) != nullptr;
      CULVERT_ASSERT(found || workload->network_mode == NetworkMode::host_network);
    }
    CULVERT_ASSERT(snapshot.local_workload(workload->ns, workload->name,
                                           workload->service_account) != nullptr);
    for (const auto& [service, ports] : workload->services) {
      serving[service].insert(uid);
    }
  });
  each(index.workloads_by_ip, [&](const NetworkAddress& address, const auto& workloads) {
    CULVERT_ASSERT(!workloads.empty());
    for (const auto& workload : workloads) {
      CULVERT_ASSERT(workload->has_address(address.ip) && workload->network == address.network);
      CULVERT_ASSERT(snapshot.workload(workload->uid) == workload);
    }
  });
  each(index.endpoints, [&](const std::string& service, const auto&) {
    CULVERT_ASSERT(endpoint_uids(snapshot, service) == serving[service]);
    serving.erase(service);
  });
  CULVERT_ASSERT(
      std::ranges::all_of(serving, [](const auto& left) { return left.second.empty(); }));
  each(index.services_by_vip, [&](const NetworkAddress& vip, const auto& services) {
    for (const auto& service : services) {
      CULVERT_ASSERT(snapshot.service_by_key(service->key()) == service);
      CULVERT_ASSERT(std::ranges::find(service->vips, vip) != service->vips.end());
    }
  });
}

void check_route(const Snapshot& snapshot, const Workload& source, const SocketAddress& to) {
  Rng rng(1);
  const auto way = route(snapshot, source, to, rng);
  if (is_refused(way.kind)) {
    CULVERT_ASSERT(!way.message.empty());
    return;
  }
  // A waypoint is never gone around, but by the waypoint itself.
  const bool waypointed = way.service != nullptr && way.service->has_waypoint();
  CULVERT_ASSERT(!waypointed);
  if (way.kind == RouteKind::passthrough) {
    CULVERT_ASSERT(way.address == to);
    return;
  }
  CULVERT_ASSERT(way.workload != nullptr && way.workload->has_address(way.target.ip));
  CULVERT_ASSERT(way.workload->network == source.network);
  CULVERT_ASSERT(way.address.ip == way.target.ip);
  if (way.kind == RouteKind::tcp) {
    CULVERT_ASSERT(way.workload->protocol == TunnelProtocol::tcp && way.address == way.target);
    return;
  }
  CULVERT_ASSERT(way.address.port == kHbonePort && way.authority == to_string(way.target));
  CULVERT_ASSERT(!way.expected.empty());
  CULVERT_ASSERT(way.expected.front() == way.workload->identity());
}

std::vector<WorkloadPtr> some_workloads(const Snapshot& snapshot) {
  std::vector<WorkloadPtr> some;
  each(snapshot.index().workloads, [&](const std::string&, const WorkloadPtr& workload) {
    if (some.size() < kAskedMax) {
      some.push_back(workload);
    }
  });
  return some;
}

std::vector<SocketAddress> some_destinations(const Snapshot& snapshot) {
  std::set<SocketAddress> some = {*SocketAddress::parse("192.0.2.1:80"),
                                  *SocketAddress::parse("[::1]:15001")};
  const auto add = [&](const IpAddress& ip, std::uint16_t port) {
    if (some.size() < kAskedMax * 2) {
      some.insert({ip, port});
    }
  };
  each(snapshot.index().services, [&](const std::string&, const ServicePtr& service) {
    for (const auto& vip : service->vips) {
      add(vip.ip, service->ports.empty() ? 80 : service->ports.begin()->first);
    }
    for (const auto& block : service->cidr_vips) {
      add(block.cidr.ip, service->ports.empty() ? 80 : service->ports.begin()->first);
    }
  });
  each(snapshot.index().workloads, [&](const std::string&, const WorkloadPtr& workload) {
    for (const auto& ip : workload->addresses) {
      add(ip, 8080);
    }
  });
  return {some.begin(), some.end()};
}

void ask(const Snapshot& snapshot) {
  const auto workloads = some_workloads(snapshot);
  const auto destinations = some_destinations(snapshot);
  for (const auto& source : workloads) {
    for (const auto& to : destinations) {
      check_route(snapshot, *source, to);
      const ConnectionContext connection{source->identity(), IpAddress::loopback_v4(), to};
      CULVERT_ASSERT(authorize(snapshot, *source, connection).allow);  // there is no policy
      const auto target = inbound_target(snapshot, *source, to.ip, Authority(to));
      CULVERT_ASSERT(!target ||
                     (target->address.ip == to.ip && !is_own_port(target->address.port)));
      const auto service = destination_service(snapshot, *source, to.port, "");
      CULVERT_ASSERT(service == nullptr || source->services.contains(service->key()));
    }
  }
}

std::vector<std::string> all_names(const Snapshot& snapshot) {
  std::vector<std::string> names;
  each(snapshot.index().workloads, [&](const auto& uid, const auto&) { names.push_back(uid); });
  each(snapshot.index().services, [&](const auto& key, const auto&) { names.push_back(key); });
  // A workload may have a service's name; then a removal takes one at a time.
  const auto once = names;
  names.insert(names.end(), once.begin(), once.end());
  return names;
}

void check_empty(const Snapshot& snapshot) {
  const auto& index = snapshot.index();
  CULVERT_ASSERT(index.workloads.size() == 0 && index.workloads_by_ip.size() == 0);
  CULVERT_ASSERT(index.workloads_by_pod.size() == 0 && index.services.size() == 0);
  CULVERT_ASSERT(index.services_by_vip.size() == 0 && index.services_by_hostname.size() == 0);
  CULVERT_ASSERT(index.endpoints.size() == 0);
  CULVERT_ASSERT(index.cidr_services == nullptr || index.cidr_services->empty());
}

}  // namespace
}  // namespace culvert::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace culvert;
  fuzz::Response response;
  if (!response.ParseFromArray(bytes, static_cast<int>(size))) {
    return -1;  // that a stream's message is no response is the target xds_client's business
  }
  policy::Store store;
  for (const auto& push : fuzz::split_in_two(response)) {
    const auto problems = store.apply_addresses(push.added, push.removed);
    CULVERT_ASSERT(problems.size() <= push.added.size());
    fuzz::check_tables(*store.snapshot());
  }
  const auto snapshot = store.snapshot();
  fuzz::ask(*snapshot);
  (void)store.apply_addresses({}, fuzz::all_names(*snapshot));
  fuzz::check_empty(*store.snapshot());
  fuzz::check_tables(*snapshot);  // what a worker holds has not changed
  return 0;
}
