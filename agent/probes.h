// Probes: keeps the kubelet's cgroup known to the kernel programs, so that its probes reach pods
// directly.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "agent/config.h"
#include "agent/datapath/datapath.h"

namespace culvert::agent {

// probe_cgroup is where the kubelet is: as configured, or as found.
Result<std::string> probe_cgroup(const Config& config, const std::string& cgroup_mount);

class Probes {
 public:
  Probes(const Config& config, std::string cgroup_mount, datapath::Datapath& datapath)
      : config_(config), cgroup_mount_(std::move(cgroup_mount)), datapath_(datapath) {}

  // follow looks for it anew, now and then: it may be made anew, and the kubelet may start after
  // the agent.
  void follow();

  const std::string& cgroup() const { return cgroup_; }    // empty while it is not found
  const std::string& problem() const { return problem_; }  // empty if there is none

 private:
  const Config& config_;
  std::string cgroup_mount_;
  datapath::Datapath& datapath_;
  std::string cgroup_;
  std::string problem_;
};

}  // namespace culvert::agent
