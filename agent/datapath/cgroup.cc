// SPDX-License-Identifier: Apache-2.0
#include "agent/datapath/cgroup.h"

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <sstream>

namespace culvert::datapath {

Result<std::string> find_cgroup2_root(std::string_view mounts) {
  std::istringstream lines{std::string(mounts)};
  std::string device, point, type, rest;
  while (lines >> device >> point >> type && std::getline(lines, rest)) {
    if (type == "cgroup2") {
      return point;
    }
  }
  return fail(Errc::not_found,
              "no cgroup2 is mounted: mount one (mount -t cgroup2 none /sys/fs/cgroup) "
              "or name the directory with --cgroup");
}

Result<std::string> find_cgroup2_root() {
  std::ifstream file("/proc/mounts");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  return find_cgroup2_root(text);
}

Result<std::uint64_t> cgroup_id(const std::string& path) {
  struct statfs fs{};
  struct stat node{};
  if (::statfs(path.c_str(), &fs) != 0 || ::stat(path.c_str(), &node) != 0) {
    return fail(
        Error{.code = Errc::config,
              .sys = errno,
              .context = fmt::format("cgroup {} can't be opened ({}): make the directory or "
                                     "correct the path",
                                     path, from_errno(errno, "stat").context)});
  }
  if (fs.f_type != CGROUP2_SUPER_MAGIC || !S_ISDIR(node.st_mode)) {
    return fail(Errc::config, fmt::format("{} is no directory of cgroup2: give one below the mount "
                                          "point that /proc/mounts shows for cgroup2",
                                          path));
  }
  return node.st_ino;  // on 64-bit machines kernfs gives the cgroup's id as inode
}

Result<std::string> cgroup_of_process(pid_t pid, const std::string& cgroup2_root,
                                      const std::string& proc) {
  std::ifstream file(fmt::format("{}/{}/cgroup", proc, pid));
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::")) {
      const std::string below = line.substr(3);
      return below == "/" ? cgroup2_root : cgroup2_root + below;
    }
  }
  return fail(Errc::not_found, fmt::format("process {} has no cgroup2 or is gone", pid));
}

}  // namespace culvert::datapath
