// The kubelet among the node's processes: whose sockets carry the passport of probes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "ztunnel/lib/base/result.h"

namespace culvert::datapath {

// find_kubelet_cgroup gives the cgroup2 directory of the node's kubelet, below the mount point
// `cgroup2_root`; `proc` is where procfs is mounted, of the node's PID namespace. Only a process
// that sees the file systems that process 1 sees is one: whatever runs in a container, under
// whatever name, does not.
//
// Fails with `not_found` when no kubelet runs, and with `config` when its cgroup holds more than
// itself (the root of the node, or the pods below it): passports would then open STRICT pods to
// everyone. Each in one sentence that says what to do.
Result<std::string> find_kubelet_cgroup(const std::string& proc, const std::string& cgroup2_root);

}  // namespace culvert::datapath
