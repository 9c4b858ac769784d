// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/policy/authorize.h"

#include <fmt/format.h>

namespace culvert::policy {

Verdict authorize(const Snapshot& snapshot, const Workload& workload,
                  const ConnectionContext& connection) {
  const auto policies = snapshot.policies_for(workload);
  bool any_allow = false;
  for (const auto& policy : policies) {
    if (policy->dry_run) {
      continue;
    }
    any_allow = any_allow || policy->action == Action::allow;
    if (policy->action == Action::deny && matches(*policy, connection)) {
      return {false, policy->key(), fmt::format("explicitly denied by: {}", policy->key())};
    }
  }
  if (!any_allow) {
    return {true, {}, "no ALLOW policy applies and no DENY policy matches"};
  }
  for (const auto& policy : policies) {
    if (!policy->dry_run && policy->action == Action::allow && matches(*policy, connection)) {
      return {true, policy->key(), fmt::format("allowed by: {}", policy->key())};
    }
  }
  return {false, {}, "allow policies exist, but none allowed"};
}

}  // namespace culvert::policy
