// Daemons: which cgroups the capture program lets pass, kept in step with the ztunnels that speak
// to us. Exempt by cgroup, never by mark: marks can be had by any container with CAP_NET_RAW.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>

#include "agent/datapath/datapath.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::enrol {

class Daemons {
 public:
  // `cgroup_mount` is the mount point of cgroup2, `node_root` the directory that the node's
  // processes are below.
  Daemons(datapath::Datapath& datapath, std::string cgroup_mount, std::string node_root)
      : datapath_(datapath),
        cgroup_mount_(std::move(cgroup_mount)),
        node_root_(std::move(node_root)) {}

  // admit exempts the cgroup of a process. Fails with `config` when that is the node's root or
  // outside of it.
  Result<> admit(pid_t pid);

  // prune takes back the exemption of cgroups that no process is in any more: a ztunnel that only
  // lost its connection keeps it, or its own connects would be captured.
  Result<> prune();

 private:
  datapath::Datapath& datapath_;
  std::string cgroup_mount_;
  std::string node_root_;
};

}  // namespace culvert::enrol
