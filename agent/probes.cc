// SPDX-License-Identifier: Apache-2.0
#include "agent/probes.h"

#include "agent/datapath/kubelet.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::agent {

Result<std::string> probe_cgroup(const Config& config, const std::string& cgroup_mount) {
  return config.probe_cgroup ? Result<std::string>(*config.probe_cgroup)
                             : datapath::find_kubelet_cgroup("/proc", cgroup_mount);
}

void Probes::follow() {
  const auto cgroup = probe_cgroup(config_, cgroup_mount_);
  const auto followed =
      cgroup ? datapath_.follow_probe_cgroup(*cgroup) : Result<>(fail(cgroup.error()));
  const std::string problem = followed ? "" : to_string(followed.error());
  if (problem != problem_ && !problem.empty()) {
    obs::log(obs::Level::error, "agent", "the kubelet's probes", {{"error", followed.error()}});
  }
  problem_ = problem;
  cgroup_ = cgroup ? *cgroup : "";
}

}  // namespace culvert::agent
