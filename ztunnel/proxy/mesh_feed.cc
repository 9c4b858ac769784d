// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/proxy/mesh_feed.h"

#include "ztunnel/lib/net/netns.h"
#include "ztunnel/lib/net/tcp.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::proxy {
namespace {

// make_listeners makes what an agent that isn't ours (Istio's CNI agent) leaves to us.
Result<std::array<Fd, kRoleCount>> make_listeners(int netns) {
  constexpr std::array<std::uint16_t, kRoleCount> kPorts = {
      policy::kOutboundPort, policy::kInboundPort, policy::kHbonePort};
  std::array<Fd, kRoleCount> listeners;
  for (std::size_t role = 0; role < kRoleCount; ++role) {
    TRY(listeners[role], net::listen_tcp({.at = {IpAddress(), kPorts[role]},
                                          .transparent = true,
                                          .reuse_port = true,
                                          .netns = netns}));
  }
  return listeners;
}

// check_descriptors fails with `protocol` when what came with an Add is not what it must be: it
// would fail later, and again and again, at each accept.
Result<> check_descriptors(const ZdsPod& pod) {
  TRY_VOID(net::check_netns(pod.netns.get()));
  if (pod.listeners) {
    for (const Fd& listener : *pod.listeners) {
      TRY_VOID(net::check_listener(listener.get()));
    }
  }
  return {};
}

std::string_view reason_of(control::XdsTermination termination) {
  switch (termination) {
    case control::XdsTermination::connect_failed: return "ConnectionError";
    case control::XdsTermination::stream_failed: return "Error";
    case control::XdsTermination::clean_end: return "Complete";
  }
  return "Error";
}

}  // namespace

MeshFeed::MeshFeed(io::Loop& loop, Workers& workers, control::CertificateStore& certificates,
                   obs::Metrics& metrics, std::string trust_domain)
    : workers_(workers),
      certificates_(certificates),
      pod_metrics_(obs::pod_metrics(metrics)),
      metrics_(metrics),
      trust_domain_(std::move(trust_domain)),
      scope_(loop, io::Scope::OnFailure::ignore) {}

control::XdsCallbacks MeshFeed::xds_callbacks() {
  return {.on_update =
              [this](std::string_view type_url, const std::vector<control::XdsResource>& resources,
                     const std::vector<std::string>& removed) {
                return apply(type_url, resources, removed);
              },
          .on_ready =
              [this] {
                mesh_known_ = true;
                obs::log(obs::Level::info, "xds", "the mesh is known");
              },
          .on_message =
              [this](std::string_view type_url, std::size_t bytes) {
                obs::xds_messages(metrics_, type_url).add();
                obs::xds_message_bytes(metrics_, type_url).add(bytes);
              },
          .on_termination =
              [this](control::XdsTermination termination) {
                obs::xds_terminations(metrics_, reason_of(termination)).add();
              }};
}

std::vector<control::XdsRejection> MeshFeed::apply(
    std::string_view type_url, const std::vector<control::XdsResource>& resources,
    const std::vector<std::string>& removed) {
  std::vector<policy::ResourceBytes> added;
  added.reserve(resources.size());
  for (const auto& resource : resources) {
    added.push_back({resource.name, resource.value});
  }
  const auto problems = type_url == control::kAddressType
                            ? store_.apply_addresses(added, removed)
                            : store_.apply_authorizations(added, removed);
  std::vector<control::XdsRejection> rejections;
  for (const auto& problem : problems) {
    rejections.push_back({problem.resource, problem.sentence});
  }
  if (!rejections.empty()) {
    obs::xds_refusals(metrics_, type_url).add(rejections.size());
  }
  publish();
  return rejections;
}

void MeshFeed::publish() {
  const auto snapshot = store_.snapshot();
  for (const auto& worker : workers_) {
    worker->set_snapshot(snapshot);
  }
  want_identities();
}

io::Task<> MeshFeed::add(ZdsPod added) {
  co_await check_descriptors(added);
  auto pod = std::make_shared<Pod>();
  pod->uid = added.uid;
  pod->name = added.workload.name;
  pod->ns = added.workload.ns;
  pod->service_account = added.workload.service_account;
  pod->netns = std::move(added.netns);
  pod->listeners =
      added.listeners ? std::move(*added.listeners) : co_await make_listeners(pod->netns.get());
  const bool fresh = pods_.insert_or_assign(pod->uid, pod).second;
  for (const auto& worker : workers_) {
    worker->put_pod(pod);
  }
  if (fresh) {
    pod_metrics_.started.add();
  }
  pod_metrics_.active.set(static_cast<std::int64_t>(pods_.size()));
  want_identities();
  obs::log(obs::Level::info, "proxy", fresh ? "pod is served" : "pod has new listeners",
           {{"pod", pod->ns + "/" + pod->name}, {"uid", pod->uid}});
}

io::Task<> MeshFeed::remove(std::string uid) {
  remove_pod(uid);
  co_return;
}

io::Task<> MeshFeed::keep_only(std::set<std::string> uids) {
  std::vector<std::string> gone;
  for (const auto& [uid, pod] : pods_) {
    if (!uids.contains(uid)) {
      gone.push_back(uid);
    }
  }
  for (const auto& uid : gone) {
    remove_pod(uid);
  }
  pods_known_ = true;
  co_return;
}

void MeshFeed::remove_pod(const std::string& uid) {
  const auto place = pods_.find(uid);
  if (place == pods_.end()) {
    return;
  }
  obs::log(obs::Level::info, "proxy", "pod is no longer served",
           {{"pod", place->second->ns + "/" + place->second->name}, {"uid", uid}});
  pods_.erase(place);
  for (const auto& worker : workers_) {
    worker->remove_pod(uid);
  }
  pod_metrics_.stopped.add();
  pod_metrics_.active.set(static_cast<std::int64_t>(pods_.size()));
  want_identities();
}

SpiffeId MeshFeed::identity_of(const Pod& pod) {
  const auto record = store_.snapshot()->local_workload(pod.ns, pod.name, pod.service_account);
  if (record != nullptr) {
    return record->identity();
  }
  return {trust_domain_, pod.ns, pod.service_account};
}

// Asks for the certificates of our pods and forgets those that no pod has any more.
void MeshFeed::want_identities() {
  std::set<SpiffeId> wanted;
  for (const auto& [uid, pod] : pods_) {
    wanted.insert(identity_of(*pod));
  }
  for (const auto& id : wanted_) {
    if (!wanted.contains(id)) {
      certificates_.forget(id);
      identity_changed(id, nullptr);
    }
  }
  for (const auto& id : wanted) {
    if (!wanted_.contains(id)) {
      scope_.spawn(fetch_identity(id));
    }
  }
  wanted_ = std::move(wanted);
}

io::Task<> MeshFeed::fetch_identity(SpiffeId id) {
  const auto identity = co_await certificates_.get(id);
  if (wanted_.contains(id)) {
    identity_changed(id, identity);
  }
}

void MeshFeed::identity_changed(const SpiffeId& id, IdentityPtr identity) {
  for (const auto& worker : workers_) {
    worker->set_identity(id, identity);
  }
}

io::Task<> MeshFeed::stop() {
  scope_.cancel();
  co_await scope_.join();
}

std::vector<std::string> MeshFeed::pending() const {
  std::vector<std::string> names;
  if (!mesh_known_) {
    names.emplace_back("state manager");
  }
  if (!pods_known_) {
    names.emplace_back("workload proxy manager");
  }
  return names;
}

}  // namespace culvert::proxy
