// SPDX-License-Identifier: Apache-2.0
#include "agent/datapath/pins.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <charconv>
#include <cstdio>
#include <filesystem>

#include "agent/datapath/kernel.h"
#include "bpf/include/culvert_abi.h"

namespace culvert::datapath {

namespace fs = std::filesystem;

namespace {

// No dot: bpffs reserves names with one (kernel/bpf/inode.c, bpf_lookup).
constexpr std::string_view kBuilding = "-building";

// Reads "v<number>" or "v<number>-building"; anything else in the directory is not ours.
bool is_root_name(std::string_view name) {
  if (name.ends_with(kBuilding)) {
    name.remove_suffix(kBuilding.size());
  }
  if (name.size() < 2 || name.front() != 'v') {
    return false;
  }
  return name.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

Result<> make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    return fail_errno(errno, fmt::format("make the pin directory {}", path));
  }
  return {};
}

}  // namespace

std::string pin_root(const std::string& pin_dir) {
  return fmt::format("{}/v{}", pin_dir, CULVERT_ABI_VERSION);
}

std::string building_root(const std::string& pin_dir) {
  return pin_root(pin_dir) + std::string(kBuilding);
}

std::string steer_directory(const std::string& root) {
  return root + "/steer";
}

std::string steer_pin(const std::string& root, std::uint64_t netns_cookie) {
  return fmt::format("{}/{:x}", steer_directory(root), netns_cookie);
}

Result<Fd> lock_pins(const std::string& pin_dir) {
  Fd fd(::open(pin_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    return fail_errno(errno, fmt::format("open the pin directory {}", pin_dir));
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(Errc::config,
                fmt::format("another agent owns the pins in {}: stop it, or give this one "
                            "a --pin-dir of its own",
                            pin_dir));
  }
  return fd;
}

Result<> check_pin_version(const std::string& pin_dir) {
  TRY(const auto roots, all_roots(pin_dir));
  for (const auto& root : roots) {
    if (!root.ends_with(kBuilding) && root != pin_root(pin_dir)) {
      return fail(
          Errc::config,
          fmt::format("the pins in {} are of another version (this agent's is v{}): run the "
                      "agent that made them, or drain the node and remove them with "
                      "culvert-agent --remove-pins",
                      root, CULVERT_ABI_VERSION));
    }
  }
  return {};
}

Result<> begin_build(const std::string& pin_dir) {
  const std::string root = building_root(pin_dir);
  TRY_VOID(remove_pins(root));
  TRY_VOID(make_directory(root));
  return make_directory(steer_directory(root));
}

Result<> publish_build(const std::string& pin_dir) {
  const std::string root = pin_root(pin_dir);
  if (std::rename(building_root(pin_dir).c_str(), root.c_str()) != 0) {
    return fail_errno(errno, fmt::format("rename the finished pins to {}", root));
  }
  return {};
}

Result<std::vector<std::uint64_t>> steer_cookies(const std::string& root) {
  std::vector<std::uint64_t> cookies;
  std::error_code error;
  for (fs::directory_iterator it(steer_directory(root), error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::uint64_t cookie = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), cookie, 16);
    if (parsed.ec == std::errc{} && parsed.ptr == name.data() + name.size()) {
      cookies.push_back(cookie);
    }
  }
  if (error) {
    return fail_errno(error.value(), fmt::format("list {}", steer_directory(root)));
  }
  return cookies;
}

Result<> remove_pins(const std::string& root) {
  std::error_code error;
  if (!fs::exists(root, error)) {
    return {};
  }
  // Capture ends first, so that nothing is marked any more when the steering of it ends.
  for (const char* name : {"connect4", "connect6"}) {
    if (const auto link = open_pin(fmt::format("{}/{}", root, name))) {
      detach(*link);
    }
  }
  for (fs::recursive_directory_iterator it(root, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_regular_file(error)) {
      if (const auto object = open_pin(it->path().string())) {
        detach(*object);
      }
    }
  }
  if (!error) {
    fs::remove_all(root, error);
  }
  if (error) {
    return fail_errno(error.value(), fmt::format("remove the pins in {}", root));
  }
  return {};
}

Result<std::vector<std::string>> all_roots(const std::string& pin_dir) {
  std::vector<std::string> roots;
  std::error_code error;
  for (fs::directory_iterator it(pin_dir, error), end; !error && it != end; it.increment(error)) {
    if (is_root_name(it->path().filename().string())) {
      roots.push_back(it->path().string());
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail_errno(error.value(), fmt::format("list the pin directory {}", pin_dir));
  }
  return roots;
}

}  // namespace culvert::datapath
