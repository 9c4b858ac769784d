// Making and clearing the grounds. Processes are found by their cgroup, never by a program's name.
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/grounds.h"

#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/lab_error.h"
#include "tests/support/process.h"
#include "tests/support/waiting.h"

namespace culvert::lab {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kFolder = "/run/culvert-lab/";
constexpr std::string_view kCgroupFolder = "culvert-lab";
constexpr std::size_t kSlugBytesMax = 40;

std::string cgroup2_root();
std::string cgroup_path(const std::string& prefix);
std::vector<std::string> netns_of(const std::string& prefix);
std::vector<std::string> mounts_below(const std::string& folder);
void remove_cgroups(const std::string& top);
void end_cgroup_at(const std::string& folder);

}  // namespace

Grounds::Grounds(std::string prefix) : prefix_(std::move(prefix)) {
  clear();
  fs::create_directories(folder());
  fs::create_directories(cgroup_path(prefix_));
}

Grounds Grounds::existing(std::string prefix) {
  return {std::move(prefix), Adopt{}};
}

std::string Grounds::folder() const {
  return std::string(kFolder) + prefix_;
}

std::string Grounds::folder(std::string_view name) const {
  const std::string path = fmt::format("{}/{}", folder(), name);
  fs::create_directories(path);
  return path;
}

std::string Grounds::add_netns(std::string_view name) const {
  const std::string full = fmt::format("{}.{}", prefix_, name);
  must_run({}, {"ip", "netns", "add", full});
  must_run({}, {"ip", "-n", full, "link", "set", "lo", "up"});
  // Duplicate address detection would make every address wait for a second.
  for (const char* which : {"all", "default"}) {
    set_sysctl(full, fmt::format("ipv6/conf/{}/accept_dad", which), "0");
    set_sysctl(full, fmt::format("ipv6/conf/{}/accept_ra", which), "0");
  }
  return full;
}

std::string Grounds::add_cgroup(std::string_view path) const {
  const std::string full = fmt::format("{}/{}", cgroup_path(prefix_), path);
  fs::create_directories(full);
  return full;
}

std::string Grounds::add_bpffs(std::string_view name) const {
  const std::string path = folder(name);
  expect(::mount("bpf", path.c_str(), "bpf", 0, nullptr) == 0, "mounting a bpffs on {}: {}", path,
         std::strerror(errno));
  return path;
}

void Grounds::end_cgroup(std::string_view path) const {
  end_cgroup_at(fmt::format("{}/{}", cgroup_path(prefix_), path));
}

void Grounds::clear() const {
  const std::string cgroup = cgroup_path(prefix_);
  if (fs::exists(cgroup)) {
    end_cgroup_at(cgroup);
  }
  for (const std::string& mount : mounts_below(folder())) {
    ::umount2(mount.c_str(), MNT_DETACH);
  }
  for (const std::string& netns : netns_of(prefix_)) {
    run({}, {"ip", "netns", "del", netns});
  }
  std::error_code ignored;
  fs::remove_all(folder(), ignored);
  // The parents go with the last scenario; rmdir leaves them while another one stands on them.
  ::rmdir(kFolder.data());
  ::rmdir(fs::path(cgroup).parent_path().c_str());
}

std::vector<std::string> Grounds::left_overs() const {
  std::vector<std::string> left;
  for (const std::string& netns : netns_of(prefix_)) {
    left.push_back("network namespace " + netns);
  }
  for (const std::string& mount : mounts_below(folder())) {
    left.push_back("mount " + mount);
  }
  if (const std::string cgroup = cgroup_path(prefix_); fs::exists(cgroup)) {
    left.push_back("cgroup " + cgroup);
  }
  if (fs::exists(folder())) {
    left.push_back("folder " + folder());
  }
  return left;
}

std::string slug(std::string_view sentence) {
  std::string name;
  for (const char c : sentence) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0) {
      name += static_cast<char>(std::tolower(byte));
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  name.resize(std::min(name.size(), kSlugBytesMax));
  while (!name.empty() && name.back() == '-') {
    name.pop_back();
  }
  return name;
}

void set_sysctl(const std::string& netns, std::string_view name, std::string_view value) {
  must_run({netns, {}}, {"tee", fmt::format("/proc/sys/net/{}", name)}, 5s, value);
}

namespace {

std::string cgroup2_root() {
  std::ifstream mounts("/proc/mounts");
  std::string device, path, kind, rest;
  while (mounts >> device >> path >> kind && std::getline(mounts, rest)) {
    if (kind == "cgroup2") {
      return path;
    }
  }
  throw LabError("no cgroup2 hierarchy is mounted; run tools/setup --probe");
}

std::string cgroup_path(const std::string& prefix) {
  return fmt::format("{}/{}/{}", cgroup2_root(), kCgroupFolder, prefix);
}

// `ip netns` keeps a file a name; ours start with the prefix and a dot, which no prefix holds
// itself.
std::vector<std::string> netns_of(const std::string& prefix) {
  std::vector<std::string> names;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator("/run/netns", absent)) {
    if (const std::string name = entry.path().filename(); name.starts_with(prefix + ".")) {
      names.push_back(name);
    }
  }
  return names;
}

std::vector<std::string> mounts_below(const std::string& folder) {
  std::vector<std::string> found;
  std::ifstream mounts("/proc/self/mounts");
  std::string device, path, rest;
  while (mounts >> device >> path && std::getline(mounts, rest)) {
    if (path.starts_with(folder + "/")) {
      found.push_back(path);
    }
  }
  std::ranges::reverse(found);  // the innermost first
  return found;
}

void end_cgroup_at(const std::string& folder) {
  std::ofstream(folder + "/cgroup.kill") << "1";
  eventually(5s, [&] {
    return read_file(folder + "/cgroup.events").find("populated 0") != std::string::npos;
  });
  remove_cgroups(folder);
}

// A cgroup is removed by rmdir, deepest first; its files are the kernel's and go with it.
void remove_cgroups(const std::string& top) {
  std::vector<std::string> folders = {top};
  for (const auto& entry : fs::recursive_directory_iterator(top)) {
    if (entry.is_directory()) {
      folders.push_back(entry.path());
    }
  }
  std::ranges::sort(folders, std::greater<>{}, &std::string::size);
  for (const std::string& folder : folders) {
    // A process that was just killed holds its cgroup until it is reaped.
    eventually(2s, [&] { return ::rmdir(folder.c_str()) == 0 || errno == ENOENT; });
  }
}

}  // namespace

}  // namespace culvert::lab
