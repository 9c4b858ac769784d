// Taking everything of this node out of the kernel, for `culvert-agent --remove`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/config.h"

namespace culvert::agent {

// remove_all releases every pod that the kernel holds (program, rules, routes), then removes all
// pins, also those of another version. Pods go on in plaintext. With --drain an agent has them
// leave first; where it can't, that is said and they are released all the same. Fails with `config`
// while an agent runs on the same pins. Repeating it is success.
Result<> remove_all(const Config& config);

// remove_all_and_stay is for the pod of a DaemonSet, which must not end: once all is removed it
// waits for SIGTERM.
Result<> remove_all_and_stay(const Config& config);

// cgroup_of gives the node's cgroup2 directory: the flag's, or what /proc/mounts shows.
Result<std::string> cgroup_of(const Config& config);

}  // namespace culvert::agent
