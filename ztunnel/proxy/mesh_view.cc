// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/proxy/mesh_view.h"

#include <fmt/format.h>

#include "ztunnel/lib/io/timeout.h"
#include "ztunnel/proxy/limits.h"

namespace culvert::proxy {

void MeshView::set_snapshot(policy::SnapshotPtr snapshot) {
  snapshot_ = std::move(snapshot);
  changed_.notify_all();
}

void MeshView::set_identity(const SpiffeId& id, IdentityPtr identity) {
  if (identity == nullptr) {
    identities_.erase(id);
  } else {
    identities_.insert_or_assign(id, std::move(identity));
  }
  changed_.notify_all();
}

io::Task<policy::WorkloadPtr> MeshView::own_workload(PodPtr pod) {
  auto found = snapshot_->local_workload(pod->ns, pod->name, pod->service_account);
  if (found == nullptr) {
    auto waited = co_await as_result(
        io::with_timeout(loop_, kOwnRecordWait, "own record", wait_for_workload(pod)));
    if (!waited && waited.error().code == Errc::timed_out) {
      co_return fail(Errc::unavailable,
                     fmt::format("the mesh has no record of pod {}/{} (service account {})",
                                 pod->ns, pod->name, pod->service_account));
    }
    co_await std::move(waited);
    found = snapshot_->local_workload(pod->ns, pod->name, pod->service_account);
  }
  co_return found;
}

io::Task<> MeshView::wait_for_workload(PodPtr pod) {
  while (snapshot_->local_workload(pod->ns, pod->name, pod->service_account) == nullptr) {
    co_await changed_.wait();
  }
}

io::Task<IdentityPtr> MeshView::identity(SpiffeId id) {
  if (!identities_.contains(id)) {
    auto waited = co_await as_result(
        io::with_timeout(loop_, kOwnRecordWait, "certificate", wait_for_identity(id)));
    if (!waited && waited.error().code == Errc::timed_out) {
      co_return fail(Errc::unavailable,
                     fmt::format("there is no certificate for {} yet", to_string(id)));
    }
    co_await std::move(waited);
  }
  co_return identities_.at(id);
}

io::Task<> MeshView::wait_for_identity(SpiffeId id) {
  while (!identities_.contains(id)) {
    co_await changed_.wait();
  }
}

}  // namespace culvert::proxy
