// MeshView: what one worker knows of the mesh: the newest snapshot and the identities of its pods,
// both pushed by the control thread. Fibers that need what is not there yet wait here.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <unordered_map>

#include "ztunnel/lib/base/identity.h"
#include "ztunnel/lib/io/event.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/io/task.h"
#include "ztunnel/lib/policy/snapshot.h"
#include "ztunnel/lib/tls/certificate.h"
#include "ztunnel/proxy/pod.h"

namespace culvert::proxy {

using IdentityPtr = std::shared_ptr<const tls::WorkloadIdentity>;

class MeshView {
 public:
  explicit MeshView(io::Loop& loop)
      : loop_(loop), snapshot_(std::make_shared<const policy::Snapshot>()) {}

  const policy::Snapshot& snapshot() const { return *snapshot_; }
  void set_snapshot(policy::SnapshotPtr snapshot);
  // set_identity puts or replaces (null: removes) the certificate of `id`. Tunnels that are up keep
  // the one they were made with.
  void set_identity(const SpiffeId& id, IdentityPtr identity);

  // own_workload is the record of `pod`; waits for it up to kOwnRecordWait, then fails with
  // `unavailable`.
  io::Task<policy::WorkloadPtr> own_workload(PodPtr pod);

  // identity is the certificate of `id`; waits for it up to kOwnRecordWait, then fails with
  // `unavailable`.
  io::Task<IdentityPtr> identity(SpiffeId id);

 private:
  io::Task<> wait_for_workload(PodPtr pod);
  io::Task<> wait_for_identity(SpiffeId id);

  io::Loop& loop_;
  policy::SnapshotPtr snapshot_;
  std::unordered_map<SpiffeId, IdentityPtr> identities_;
  io::Event changed_;
};

}  // namespace culvert::proxy
