// SPDX-License-Identifier: Apache-2.0
#include "agent/datapath/kubelet.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <optional>

#include "agent/datapath/cgroup.h"
#include "agent/datapath/processes.h"

namespace culvert::datapath {
namespace {

namespace fs = std::filesystem;

// The kernel's names (15 bytes) of programs that are a kubelet, or have one inside: k3s and rke2,
// MicroK8s.
constexpr std::array<std::string_view, 6> kNames = {"kubelet",  "k3s-server", "k3s-agent",
                                                    "k3s-init", "k3s",        "kubelite"};

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// "mnt:[4026531841]"; empty when the process is gone.
std::string mount_namespace(const fs::path& process) {
  std::error_code error;
  return fs::read_symlink(process / "ns/mnt", error).string();
}

std::optional<pid_t> find_kubelet(const std::string& proc) {
  const auto nodes = mount_namespace(fs::path(proc) / "1");
  std::optional<pid_t> found;
  for (const auto& process : processes(proc)) {
    if (std::ranges::find(kNames, first_line(process / "comm")) == kNames.end() ||
        mount_namespace(process) != nodes) {
      continue;
    }
    const auto pid = static_cast<pid_t>(std::atoi(process.filename().c_str()));
    found = found ? std::min(*found, pid) : pid;  // the oldest: others are its children
  }
  return found;
}

bool holds_pods(const std::string& cgroup) {
  std::error_code error;
  return std::ranges::any_of(fs::directory_iterator(cgroup, error), [](const auto& entry) {
    return entry.path().filename().string().contains("kubepods");
  });
}

}  // namespace

Result<std::string> find_kubelet_cgroup(const std::string& proc, const std::string& cgroup2_root) {
  const auto pid = find_kubelet(proc);
  if (!pid) {
    return fail(
        Errc::not_found,
        fmt::format("no kubelet runs in {}: its probes of pods under STRICT will fail; name "
                    "its cgroup with --probe-cgroup, and run in the node's PID namespace",
                    proc));
  }
  TRY(const auto cgroup, cgroup_of_process(*pid, cgroup2_root, proc));
  if (cgroup == cgroup2_root || holds_pods(cgroup)) {
    return fail(
        Errc::config,
        fmt::format("the kubelet (process {}) shares the cgroup {} with pods, so its probes "
                    "can't be told from others; run it as a service of its own",
                    *pid, cgroup));
  }
  return cgroup;
}

}  // namespace culvert::datapath
