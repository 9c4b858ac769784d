// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/proxy/worker.h"

#include "ztunnel/proxy/limits.h"

namespace culvert::proxy {
namespace {

constexpr std::chrono::milliseconds kDrainCheck{20};

}  // namespace

Worker::Worker(std::unique_ptr<io::Loop> loop, obs::TcpMetrics& metrics, std::uint64_t seed)
    : loop_(std::move(loop)),
      network_(*loop_),
      mesh_(*loop_),
      tracker_(*loop_, metrics),
      rng_(seed),
      offences_({.level = obs::Level::warn, .scope = "proxy"}),
      context_{*loop_, network_, mesh_, tracker_, rng_, offences_},
      scope_(*loop_, io::Scope::OnFailure::ignore),
      thread_([this] { run(); }) {}

Worker::~Worker() {
  drain(io::Duration::zero(), [] {});  // ignored where it was drained
  thread_.join();
}

void Worker::run() {
  (void)io::block_on(*loop_, live());
}

io::Task<> Worker::live() {
  scope_.spawn(flush_metrics());
  while (!context_.draining) {
    co_await context_.drain_began.wait();
  }
  co_await drain_pods();
  scope_.cancel();
  (void)co_await as_result(scope_.join());
  drained_();
}

void Worker::set_snapshot(policy::SnapshotPtr snapshot) {
  loop_->post([this, snapshot = std::move(snapshot)] {
    mesh_.set_snapshot(snapshot);
    if (snapshot->policy_generation() != policy_generation_) {
      policy_generation_ = snapshot->policy_generation();
      tracker_.recheck(*snapshot);
    }
  });
}

void Worker::set_identity(SpiffeId id, IdentityPtr identity) {
  loop_->post([this, id = std::move(id), identity = std::move(identity)] {
    mesh_.set_identity(id, identity);
  });
}

void Worker::put_pod(PodPtr pod) {
  loop_->post([this, pod = std::move(pod)] {
    if (context_.draining) {
      return;  // the successor serves it
    }
    auto& place = pods_[pod->uid];
    if (place == nullptr) {
      place = std::make_unique<PodProxy>(context_, pod);
    } else {
      place->replace(pod);
    }
  });
}

void Worker::remove_pod(std::string uid) {
  loop_->post([this, uid = std::move(uid)] {
    if (auto node = pods_.extract(uid)) {
      scope_.spawn(retire(std::move(node.mapped())));
    }
  });
}

io::Task<> Worker::retire(std::unique_ptr<PodProxy> pod) {
  co_await pod->stop();
}

void Worker::drain(io::Duration limit, std::function<void()> drained) {
  loop_->post([this, limit, drained = std::move(drained)] {
    if (!context_.draining) {
      context_.draining = true;
      drain_limit_ = limit;
      drained_ = drained;
      context_.drain_began.notify_all();
    }
  });
}

io::Task<> Worker::drain_pods() {
  for (auto& [uid, pod] : pods_) {
    pod->stop_accepting();
  }
  const auto deadline = loop_->now() + drain_limit_;
  while (tracker_.size() > 0 && loop_->now() < deadline) {
    co_await loop_->sleep(kDrainCheck);
  }
  for (auto& [uid, pod] : pods_) {
    co_await pod->stop();
  }
  pods_.clear();
}

io::Task<> Worker::flush_metrics() {
  for (;;) {
    co_await loop_->sleep(kMetricsFlush);
    tracker_.flush();
  }
}

void Worker::connections(std::function<void(std::vector<LiveConnection>)> receive) {
  loop_->post([this, receive = std::move(receive)] { receive(tracker_.connections()); });
}

}  // namespace culvert::proxy
