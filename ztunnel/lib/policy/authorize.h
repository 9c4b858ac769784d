// May this connection reach this workload?
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "ztunnel/lib/policy/authorization.h"
#include "ztunnel/lib/policy/snapshot.h"

namespace culvert::policy {

struct Verdict {
  bool allow = false;
  std::string policy;  // "namespace/name" of the policy that decided, empty if none did
  std::string reason;  // one sentence, for the log and for the peer
};

// authorize decides as ztunnel does (wire-facts §2.6): any DENY that matches denies; without an
// ALLOW policy everything else is allowed; else any ALLOW that matches allows. Policies marked
// dry_run never decide. `workload` is the destination. Linear in the rules of its policies.
Verdict authorize(const Snapshot& snapshot, const Workload& workload,
                  const ConnectionContext& connection);

}  // namespace culvert::policy
