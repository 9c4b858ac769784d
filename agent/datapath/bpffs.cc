// SPDX-License-Identifier: Apache-2.0
#include "agent/datapath/bpffs.h"

#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace culvert::datapath {

namespace {

constexpr const char* kStandardMount = "/sys/fs/bpf";

bool is_bpffs(const std::filesystem::path& path) {
  struct statfs fs{};
  return ::statfs(path.c_str(), &fs) == 0 &&
         static_cast<std::uint64_t>(fs.f_type) == static_cast<std::uint64_t>(BPF_FS_MAGIC);
}

Result<> make_directories(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    return fail_errno(error.value(), fmt::format("make the directory {}", path.string()));
  }
  return {};
}

Result<> check_host_sees(const std::string& directory) {
  struct stat node{};
  if (::stat(directory.c_str(), &node) != 0) {
    return fail_errno(errno, fmt::format("look at {}", directory));
  }
  std::ifstream file("/proc/1/mountinfo");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  if (!mountinfo_has_device(text, major(node.st_dev), minor(node.st_dev))) {
    return fail(
        Errc::config,
        fmt::format("the bpffs at {} is a private mount that would vanish with this container: "
                    "mount the host's with mountPropagation Bidirectional, and run in the "
                    "host's PID namespace",
                    directory));
  }
  return {};
}

}  // namespace

bool mountinfo_has_device(std::string_view mountinfo, std::uint32_t major, std::uint32_t minor) {
  const std::string device = fmt::format("{}:{}", major, minor);
  std::istringstream lines{std::string(mountinfo)};
  std::string id, parent, found, rest;
  while (lines >> id >> parent >> found && std::getline(lines, rest)) {
    if (found == device) {
      return true;
    }
  }
  return false;
}

Result<> ensure_bpffs(const std::string& directory) {
  const std::filesystem::path path(directory);
  if (!path.is_absolute()) {
    return fail(Errc::config,
                fmt::format("the pin directory \"{}\" is no absolute path", directory));
  }
  std::filesystem::path existing = path;
  std::error_code ignored;
  while (!std::filesystem::exists(existing, ignored)) {
    existing = existing.parent_path();
  }
  if (!is_bpffs(existing)) {
    const bool standard = directory.starts_with(std::string(kStandardMount) + "/");
    const std::string point = standard ? kStandardMount : directory;
    TRY_VOID(make_directories(point));
    if (::mount("bpf", point.c_str(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") != 0) {
      return fail_errno(errno, fmt::format("mount a bpffs at {} for the pins", point));
    }
  }
  TRY_VOID(make_directories(path));
  return check_host_sees(directory);
}

}  // namespace culvert::datapath
