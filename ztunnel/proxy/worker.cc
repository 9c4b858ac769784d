// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/proxy/worker.h"

namespace culvert::proxy {

Worker::Worker(std::unique_ptr<io::Loop> loop, obs::Metrics& metrics, std::uint64_t seed)
    : loop_(std::move(loop)),
      network_(*loop_),
      share_(*loop_, network_, metrics, seed),
      thread_([this] { run(); }) {}

Worker::~Worker() {
  drain(io::Duration::zero(), [] {});  // ignored where it was drained
  thread_.join();
}

void Worker::run() {
  (void)io::block_on(*loop_, live());
}

io::Task<> Worker::live() {
  co_await share_.live();
  drained_();
}

void Worker::set_snapshot(policy::SnapshotPtr snapshot) {
  loop_->post([this, snapshot = std::move(snapshot)] { share_.set_snapshot(snapshot); });
}

void Worker::set_identity(SpiffeId id, IdentityPtr identity) {
  loop_->post([this, id = std::move(id), identity = std::move(identity)] {
    share_.set_identity(id, identity);
  });
}

void Worker::put_pod(PodPtr pod) {
  loop_->post([this, pod = std::move(pod)] { share_.put_pod(pod); });
}

void Worker::remove_pod(std::string uid) {
  loop_->post([this, uid = std::move(uid)] { share_.remove_pod(uid); });
}

void Worker::drain(io::Duration limit, std::function<void()> drained) {
  loop_->post([this, limit, drained = std::move(drained)] {
    if (drained_ == nullptr) {
      drained_ = drained;
      share_.drain(limit);
    }
  });
}

void Worker::connections(std::function<void(std::vector<LiveConnection>)> receive) {
  loop_->post([this, receive = std::move(receive)] { receive(share_.connections()); });
}

}  // namespace culvert::proxy
