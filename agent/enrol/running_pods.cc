// SPDX-License-Identifier: Apache-2.0
#include "agent/enrol/running_pods.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ranges>

#include "agent/datapath/processes.h"

namespace culvert::enrol {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kAllPods = "kubepods";
constexpr std::string_view kSlice = ".slice";
// The field of /proc/PID/stat, counted behind the name in brackets, that says when the process
// began, in ticks since boot (proc(5): field 22, and the name is field 2).
constexpr int kStartField = 22 - 2;

// "podUID", "kubepods-podUID.slice", "kubelet-kubepods-burstable-podUID.slice" → UID
std::optional<std::string> uid_of_directory(std::string_view name);
std::optional<std::string> pod_uid_of_process(const fs::path& process);
std::optional<std::uint64_t> started(const fs::path& process);
std::uint64_t inode_of(const fs::path& path);

// Oldest is the oldest process of a pod, so far.
struct Oldest {
  std::uint64_t started = 0;
  fs::path netns;
};

}  // namespace

std::optional<std::string> pod_uid_of(std::string_view cgroup_line) {
  // "hierarchy:controllers:path"; the path may hold colons, as in "cri-containerd:ID".
  const auto first = cgroup_line.find(':');
  const auto second = first == cgroup_line.npos ? first : cgroup_line.find(':', first + 1);
  if (second == cgroup_line.npos) {
    return std::nullopt;
  }
  bool below_all_pods = false;
  for (const auto part : cgroup_line.substr(second + 1) | std::views::split('/')) {
    const std::string_view name(part);
    below_all_pods = below_all_pods || name.contains(kAllPods);
    if (auto uid = uid_of_directory(name); uid && below_all_pods) {
      return uid;
    }
  }
  return std::nullopt;
}

std::map<std::string, Fd> find_running_pods(const std::string& proc,
                                            const std::set<std::string>& uids) {
  const std::uint64_t of_node = inode_of(fs::path(proc) / "1/ns/net");
  std::map<std::string, Oldest> oldest;
  for (const auto& process : datapath::processes(proc)) {
    const auto uid = pod_uid_of_process(process);
    if (!uid || !uids.contains(*uid)) {
      continue;
    }
    const auto begun = started(process);
    const auto netns = process / "ns/net";
    const auto inode = inode_of(netns);
    if (!begun || inode == 0 || inode == of_node) {
      continue;
    }
    const auto known = oldest.find(*uid);
    if (known == oldest.end() || *begun < known->second.started) {
      oldest[*uid] = {.started = *begun, .netns = netns};
    }
  }
  std::map<std::string, Fd> found;
  for (const auto& [uid, process] : oldest) {
    Fd netns(::open(process.netns.c_str(), O_RDONLY | O_CLOEXEC));
    // Its number may be another process's by now.
    if (netns && pod_uid_of_process(process.netns.parent_path().parent_path()) == uid) {
      found.emplace(uid, std::move(netns));
    }
  }
  return found;
}

namespace {

std::optional<std::string> uid_of_directory(std::string_view name) {
  // More may follow: "….slice:cri-containerd:ID", where runtime and kubelet disagree on the driver.
  name = name.substr(0, name.find(kSlice));
  const auto dash = name.rfind('-');  // systemd's names: a uid has "_" there
  if (dash != name.npos && name.contains(kAllPods)) {
    name.remove_prefix(dash + 1);
  }
  if (!name.starts_with("pod") || name.size() == 3) {
    return std::nullopt;
  }
  std::string uid(name.substr(3));
  std::ranges::replace(uid, '_', '-');
  return uid;
}

// The lines of one process agree as far as they name a pod; on a hybrid host some controllers may
// be mounted for the pods and others not.
std::optional<std::string> pod_uid_of_process(const fs::path& process) {
  std::ifstream file(process / "cgroup");
  for (std::string line; std::getline(file, line);) {
    if (auto uid = pod_uid_of(line)) {
      return uid;
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> started(const fs::path& process) {
  std::ifstream file(process / "stat");
  std::string text;
  std::getline(file, text);
  const auto bracket = text.rfind(')');  // the name may hold anything
  if (bracket == text.npos) {
    return std::nullopt;
  }
  int field = -1;  // the first part is what stands between the bracket and the first space
  for (const auto part : std::string_view(text).substr(bracket + 1) | std::views::split(' ')) {
    const std::string_view word(part);
    if (++field == kStartField) {
      std::uint64_t ticks = 0;
      const auto read = std::from_chars(word.data(), word.data() + word.size(), ticks);
      return read.ec == std::errc{} ? std::optional(ticks) : std::nullopt;
    }
  }
  return std::nullopt;
}

std::uint64_t inode_of(const fs::path& path) {
  struct stat node{};
  return ::stat(path.c_str(), &node) == 0 ? node.st_ino : 0;
}

}  // namespace

}  // namespace culvert::enrol
