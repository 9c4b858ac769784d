// The lines of a node that is to run Culvert: asked are the kernel and the files, no daemon.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/check/pre_lines.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "agent/cni/conf_dir.h"
#include "agent/cni/conflist.h"
#include "agent/cni/files.h"
#include "agent/datapath/cgroup.h"
#include "agent/datapath/datapath.h"
#include "tools/culvertctl/fields.h"
#include "ztunnel/lib/io/loop.h"

namespace culvert::ctl {
namespace {

namespace fs = std::filesystem;

constexpr const char* kKernel = "kernel";
constexpr const char* kNode = "node";

// The floor of the product. Vendors port features back, so that a lower number is no failure if
// nothing is missing.
constexpr int kKernelFloor[] = {6, 1};

std::string text_of_file(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool is_older(std::string_view release) {
  const char* at = release.data();
  const char* const end = at + release.size();
  for (const int wanted : kKernelFloor) {
    int number = 0;
    const auto [rest, error] = std::from_chars(at, end, number);
    if (error != std::errc{} || number != wanted) {
      return error != std::errc{} || number < wanted;
    }
    at = std::min(rest + 1, end);
  }
  return false;
}

Line cgroup_line() {
  if (const auto root = datapath::find_cgroup2_root(); root) {
    return {kKernel, "cgroup2", LineState::good, "mounted at " + *root, {}};
  }
  return {kKernel, "cgroup2", LineState::failed, "/proc/mounts has no cgroup2 file system",
          "boot with the unified cgroup hierarchy (systemd.unified_cgroup_hierarchy=1), or mount "
          "it: mount -t cgroup2 none /sys/fs/cgroup/unified"};
}

// The agent mounts a bpffs where there is none; a kernel that has no bpffs can't be helped.
Line bpffs_line(const std::string& pin_dir) {
  std::error_code error;
  fs::path existing = pin_dir;
  while (!fs::exists(existing, error) && existing.has_relative_path()) {
    existing = existing.parent_path();
  }
  struct statfs system{};
  if (::statfs(existing.c_str(), &system) == 0 && system.f_type == BPF_FS_MAGIC) {
    return {kKernel, "bpffs", LineState::good, "mounted at " + existing.string(), {}};
  }
  if (text_of_file("/proc/filesystems").contains("\tbpf\n")) {
    return {kKernel,
            "bpffs",
            LineState::good,
            "not mounted at " + existing.string() + " yet, which the agent does",
            {}};
  }
  return {kKernel, "bpffs", LineState::failed, "this kernel has no bpf file system",
          "use a kernel with CONFIG_BPF_SYSCALL"};
}

Line io_uring_line() {
  std::string reason;
  const auto loop = io::make_loop(io::Backend::automatic, &reason);
  if (loop && reason.empty()) {
    return {kKernel, "io_uring", LineState::good, "allowed", {}};
  }
  return {kKernel, "io_uring", LineState::warning, loop ? reason : to_string(loop.error()),
          "allow it (sysctl kernel.io_uring_disabled=0, and no seccomp profile that forbids it): "
          "ztunnel falls back to epoll, which is slower"};
}

struct OtherMesh {
  const char* plugin;
  const char* name;
};
constexpr OtherMesh kOtherMeshes[] = {
    {"istio-cni", "Istio"}, {"linkerd-cni", "Linkerd"}, {"kuma-cni", "Kuma"}};

// The types of all plugins in a CNI configuration; none if it can't be read.
std::vector<std::string> plugin_types(const std::string& path) {
  const auto content = cni::read_file(path, cni::kConfBytesMax);
  const Json root = content ? Json::parse(*content, nullptr, false) : Json();
  std::vector<std::string> types = {text(root, "type")};
  for (const Json& plugin : objects_in(field(root, "plugins"))) {
    types.push_back(text(plugin, "type"));
  }
  return types;
}

}  // namespace

Line kernel_line(std::string_view release, const std::vector<std::string>& missing) {
  constexpr const char* kName = "features";
  if (!missing.empty()) {
    return {kKernel, kName, LineState::failed,
            fmt::format("Linux {}: {}", release, fmt::join(missing, "; ")),
            "use Linux 6.1 or newer"};
  }
  if (is_older(release)) {
    return {kKernel, kName, LineState::warning,
            fmt::format("Linux {} has all that is needed, but is older than 6.1", release),
            "use Linux 6.1 or newer: nothing older is tested"};
  }
  return {
      kKernel, kName, LineState::good, fmt::format("Linux {} has all that is needed", release), {}};
}

Line rights_line(std::string_view status) {
  constexpr std::pair<int, const char*> kNeeded[] = {
      {CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}, {CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {CAP_BPF, "CAP_BPF"}};
  constexpr std::string_view kKey = "CapEff:\t";
  const auto at = status.find(kKey);
  std::uint64_t effective = 0;
  if (at != status.npos) {
    const auto digits = status.substr(at + kKey.size());
    std::from_chars(digits.data(), digits.data() + digits.size(), effective, 16);
  }
  std::vector<std::string> missing;
  for (const auto& [bit, name] : kNeeded) {
    if ((effective >> bit & 1) == 0) {
      missing.emplace_back(name);
    }
  }
  if (missing.empty()) {
    return {kNode, "rights", LineState::good, "those of the agent", {}};
  }
  return {kNode, "rights", LineState::failed, fmt::format("missing: {}", fmt::join(missing, ", ")),
          "run the check as root on the node, or in a privileged pod, as the agent's is"};
}

Line meshes_line(const std::string& cni_conf_dir) {
  constexpr const char* kName = "other meshes";
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(cni_conf_dir, error)) {
    for (const auto& type : plugin_types(entry.path())) {
      const auto* const other = std::ranges::find(kOtherMeshes, type, &OtherMesh::plugin);
      if (other != std::end(kOtherMeshes)) {
        return {
            kNode, kName, LineState::failed,
            fmt::format("{} is on this node: {} has {}", other->name, entry.path().string(), type),
            fmt::format("uninstall {}'s CNI plugin first: both would redirect the same pods",
                        other->name)};
      }
    }
  }
  if (error) {
    return {kNode, kName, LineState::skipped, "there is no CNI configuration to look into", {}};
  }
  return {kNode, kName, LineState::good, "none in the CNI configuration", {}};
}

Line cni_line(const std::string& cni_conf_dir) {
  constexpr const char* kName = "CNI configuration";
  const auto state = cni::look_at(cni_conf_dir, cni::entry_of({}));
  const std::string problem = state.problems.empty() ? "" : state.problems.front();
  if (state.primary.empty()) {
    return {kNode, kName, LineState::failed, problem,
            "install the cluster's network first, or give its folder as --cni-conf-dir"};
  }
  if (!problem.empty()) {
    return {kNode, kName, LineState::warning, problem,
            "correct or remove the file; the one in use is " + state.primary};
  }
  return {kNode, kName, LineState::good, state.primary, {}};
}

Lines pre_lines(const PreOptions& options) {
  utsname name{};
  ::uname(&name);
  const Line rights = rights_line(text_of_file("/proc/self/status"));
  const Line kernel =
      rights.state == LineState::good
          ? kernel_line(name.release, datapath::missing_kernel_features())
          : Line{kKernel,
                 "features",
                 LineState::skipped,
                 fmt::format("Linux {}: to try them takes the missing rights", name.release),
                 {}};
  return {kernel,
          cgroup_line(),
          bpffs_line(options.pin_dir),
          io_uring_line(),
          rights,
          cni_line(options.cni_conf_dir),
          meshes_line(options.cni_conf_dir)};
}

}  // namespace culvert::ctl
