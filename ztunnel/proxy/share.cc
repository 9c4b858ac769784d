// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/proxy/share.h"

#include <utility>

#include "ztunnel/proxy/limits.h"

namespace culvert::proxy {
namespace {

constexpr std::chrono::milliseconds kDrainCheck{20};

}  // namespace

Share::Share(io::Loop& loop, Network& network, obs::Metrics& metrics, std::uint64_t seed)
    : loop_(loop),
      mesh_(loop),
      tracker_(loop, metrics.add_worker()),
      rng_(seed),
      offences_(metrics),
      context_{loop, network, mesh_, tracker_, rng_, offences_},
      scope_(loop, io::Scope::OnFailure::ignore) {}

io::Task<> Share::live() {
  scope_.spawn(look_after_connections());
  while (!context_.draining) {
    co_await context_.drain_began.wait();
  }
  co_await drain_pods();
  scope_.cancel();
  (void)co_await as_result(scope_.join());
}

void Share::set_snapshot(policy::SnapshotPtr snapshot) {
  mesh_.set_snapshot(snapshot);
  if (snapshot->policy_generation() != policy_generation_) {
    policy_generation_ = snapshot->policy_generation();
    tracker_.recheck(*snapshot);
  }
}

void Share::set_identity(const SpiffeId& id, IdentityPtr identity) {
  mesh_.set_identity(id, std::move(identity));
}

void Share::put_pod(PodPtr pod) {
  if (context_.draining) {
    return;  // the successor serves it
  }
  auto& place = pods_[pod->uid];
  if (place == nullptr) {
    place = std::make_unique<PodProxy>(context_, std::move(pod));
  } else {
    place->replace(std::move(pod));
  }
}

void Share::remove_pod(const std::string& uid) {
  if (auto node = pods_.extract(uid)) {
    scope_.spawn(retire(std::move(node.mapped())));
  }
}

io::Task<> Share::retire(std::unique_ptr<PodProxy> pod) {
  co_await pod->stop();
}

void Share::drain(io::Duration limit) {
  if (!context_.draining) {
    context_.draining = true;
    drain_limit_ = limit;
    context_.drain_began.notify_all();
  }
}

io::Task<> Share::drain_pods() {
  for (auto& [uid, pod] : pods_) {
    pod->stop_accepting();
  }
  const auto deadline = loop_.now() + drain_limit_;
  while (tracker_.size() > 0 && loop_.now() < deadline) {
    co_await loop_.sleep(kDrainCheck);
  }
  // Taken from where remove_pod() looks: a pod that goes meanwhile is being stopped already.
  const auto going = std::exchange(pods_, {});
  for (const auto& [uid, pod] : going) {
    co_await pod->stop();
  }
}

io::Task<> Share::look_after_connections() {
  for (;;) {
    co_await loop_.sleep(kTrackerInterval);
    tracker_.look_after();
  }
}

}  // namespace culvert::proxy
