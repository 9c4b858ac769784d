// The pods that run on this node, found among its processes: without a container runtime's help,
// by the cgroups that the kubelet makes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "ztunnel/lib/base/fd.h"

namespace culvert::enrol {

// pod_uid_of gives the uid of the pod that a process is in, from one line of its
// /proc/PID/cgroup; none if the line names no pod. Whatever the kubelet's cgroup driver, the
// hierarchy and the runtime, there is a directory of the pod below one of all pods:
//   12:pids:/kubepods/besteffort/podUID/CONTAINER                        cgroupfs, v1
//   0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID.slice/…   systemd
// with "_" for "-" in systemd's names. The outermost counts: a container may make cgroups under any
// name inside of its own, those of other pods included.
std::optional<std::string> pod_uid_of(std::string_view cgroup_line);

// find_running_pods gives a network namespace for each of `uids` of which a process is found;
// `proc` is where procfs is mounted, of the node's PID namespace. It is the one of the pod's oldest
// process that is not in the node's own: a container may make others, and CRI-O's monitor of a
// container stays outside.
std::map<std::string, Fd> find_running_pods(const std::string& proc,
                                            const std::set<std::string>& uids);

}  // namespace culvert::enrol
