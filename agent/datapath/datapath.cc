// Bring-up, adoption and removal; the pods are in pods.cc.
// SPDX-License-Identifier: Apache-2.0
#include "agent/datapath/datapath.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <filesystem>

#include "agent/datapath/bpffs.h"
#include "agent/datapath/cgroup.h"
#include "agent/datapath/kernel.h"
#include "agent/datapath/pins.h"
#include "agent/datapath/state.h"
#include "bpf/include/culvert_abi.h"

namespace culvert::datapath {

namespace {

struct CgroupLink {
  const char* name;  // of the pin
  Attach attach;
};
constexpr CgroupLink kConnect4{"connect4", Attach::connect4};
constexpr CgroupLink kConnect6{"connect6", Attach::connect6};
constexpr CgroupLink kPassport{"passport", Attach::sock_ops};

// attach_to_cgroup makes the link and pins it, over an older pin if there is one.
Result<> attach_to_cgroup(const Fd& program, const CgroupLink& link, const std::string& cgroup,
                          const std::string& root);
// attach_capture has our capture programs at work in the cgroup: under the pinned links, or by new
// ones where there is no pin or the cgroup died.
Result<> attach_capture(const Maps& maps, const std::string& cgroup, const std::string& root);
Result<> adopt_capture_link(const Fd& program, const CgroupLink& link, const std::string& cgroup,
                            const std::string& root);

Result<Maps> build(const DatapathConfig& config);
Result<Maps> adopt(const DatapathConfig& config, const std::string& root);
Result<> adopt_steer_links(const Maps& maps, const std::string& root);
Result<> drop_probe_link(const std::string& root);

}  // namespace

Datapath::Datapath(std::unique_ptr<State> state) : state_(std::move(state)) {}
Datapath::Datapath(Datapath&&) noexcept = default;
Datapath& Datapath::operator=(Datapath&&) noexcept = default;
Datapath::~Datapath() = default;

Result<Datapath> Datapath::open(const DatapathConfig& config) {
  if (const auto missing = missing_kernel_features(); !missing.empty()) {
    return fail(Errc::unavailable, fmt::format("{}", fmt::join(missing, "; ")));
  }
  auto state = std::make_unique<State>();
  state->cgroup_root = config.cgroup_root;
  TRY(state->cgroup_root_id, cgroup_id(config.cgroup_root));
  TRY_VOID(ensure_bpffs(config.pin_dir));
  TRY(state->lock, lock_pins(config.pin_dir));
  TRY_VOID(check_pin_version(config.pin_dir));
  state->root = pin_root(config.pin_dir);
  if (std::filesystem::exists(state->root)) {
    TRY(state->maps, adopt(config, state->root));
  } else {
    TRY(state->maps, build(config));
  }
  Datapath datapath(std::move(state));
  if (config.probe_cgroup) {
    TRY_VOID(datapath.follow_probe_cgroup(*config.probe_cgroup));
  } else {
    TRY_VOID(drop_probe_link(datapath.state_->root));
  }
  return datapath;
}

Result<> Datapath::follow_probe_cgroup(const std::string& path) {
  TRY(const auto wanted, cgroup_id(path));
  const std::string pinned = fmt::format("{}/{}", state_->root, kPassport.name);
  if (const auto link = open_pin(pinned)) {
    TRY(const auto target, link_target(*link));
    if (target.cgroup_id == wanted) {
      return {};
    }
  }
  TRY(const auto program, load_passport(state_->maps));
  return attach_to_cgroup(program, kPassport, path, state_->root);
}

Result<> Datapath::add_daemon(std::uint64_t cgroup_id) {
  if (cgroup_id == state_->cgroup_root_id) {
    return fail(Errc::config,
                "ztunnel runs in the root of the node's cgroups, where exempting it would "
                "exempt every process there: start it in a cgroup of its own");
  }
  const std::uint8_t present = 1;
  return map_put(state_->maps.daemons, &cgroup_id, &present, "add a daemon's cgroup");
}

Result<> Datapath::remove_daemon(std::uint64_t cgroup_id) {
  return map_erase(state_->maps.daemons, &cgroup_id, "remove a daemon's cgroup");
}

Result<std::vector<std::uint64_t>> Datapath::daemons() const {
  return map_keys<std::uint64_t>(state_->maps.daemons, "list the daemons");
}

std::vector<std::string> Datapath::detached() const {
  std::vector<std::string> sentences;
  for (const auto& link : {kConnect4, kConnect6}) {
    const std::string path = fmt::format("{}/{}", state_->root, link.name);
    const auto pinned = open_pin(path);
    const auto target = pinned ? link_target(*pinned) : Result<LinkTarget>(LinkTarget{});
    if (!target || target->cgroup_id != state_->cgroup_root_id) {
      sentences.push_back(fmt::format(
          "the capture program {} is not attached to the node's cgroup any more, so that new "
          "connections of all pods pass in plaintext: somebody removed its pin {}",
          link.name, path));
    }
  }
  return sentences;
}

Result<bool> Datapath::reattach() {
  if (detached().empty()) {
    return false;
  }
  TRY_VOID(attach_capture(state_->maps, state_->cgroup_root, state_->root));
  return true;
}

Result<> Datapath::remove_all(const std::string& pin_dir) {
  TRY(const auto roots, all_roots(pin_dir));
  if (roots.empty()) {
    return {};
  }
  TRY(const auto lock, lock_pins(pin_dir));
  for (const auto& root : roots) {
    TRY_VOID(remove_pins(root));
  }
  return {};
}

namespace {

Result<Maps> build(const DatapathConfig& config) {
  TRY_VOID(begin_build(config.pin_dir));
  const std::string root = building_root(config.pin_dir);
  TRY(auto maps, make_maps(root));
  TRY_VOID(attach_capture(maps, config.cgroup_root, root));
  TRY_VOID(publish_build(config.pin_dir));
  return maps;
}

Result<Maps> adopt(const DatapathConfig& config, const std::string& root) {
  TRY(auto maps, adopt_maps(root));
  TRY_VOID(attach_capture(maps, config.cgroup_root, root));
  TRY_VOID(adopt_steer_links(maps, root));
  if (const auto link = open_pin(fmt::format("{}/{}", root, kPassport.name))) {
    TRY(const auto program, load_passport(maps));
    TRY_VOID(
        replace_program(*link, program));  // the cgroup gone: follow_probe_cgroup attaches anew
  }
  return maps;
}

Result<> attach_capture(const Maps& maps, const std::string& cgroup, const std::string& root) {
  TRY(const auto capture, load_capture(maps));
  TRY_VOID(adopt_capture_link(capture.connect4, kConnect4, cgroup, root));
  return adopt_capture_link(capture.connect6, kConnect6, cgroup, root);
}

Result<> adopt_capture_link(const Fd& program, const CgroupLink& link, const std::string& cgroup,
                            const std::string& root) {
  const std::string path = fmt::format("{}/{}", root, link.name);
  const auto pinned = open_pin(path);
  if (!pinned) {
    return attach_to_cgroup(program, link, cgroup, root);
  }
  TRY(const auto target, link_target(*pinned));
  TRY(const auto wanted, cgroup_id(cgroup));
  if (target.cgroup_id != 0 && target.cgroup_id != wanted) {
    return fail(
        Errc::config,
        fmt::format("the pin {} belongs to another cgroup than {}: give the --cgroup that it was "
                    "made with, or remove the pins with culvert-agent --remove-pins",
                    path, cgroup));
  }
  TRY(const bool replaced, replace_program(*pinned, program));
  return replaced ? Result<>{} : attach_to_cgroup(program, link, cgroup, root);
}

Result<> adopt_steer_links(const Maps& maps, const std::string& root) {
  TRY(const auto cookies, steer_cookies(root));
  for (const auto cookie : cookies) {
    TRY(const auto link, open_pin(steer_pin(root, cookie)));
    TRY(const auto program, load_steer(maps, cookie));
    // Where the netns is gone there is nothing to replace: pods() tells, and the agent forgets it.
    TRY_VOID(replace_program(link, program));
  }
  return {};
}

Result<> drop_probe_link(const std::string& root) {
  const std::string path = fmt::format("{}/{}", root, kPassport.name);
  if (const auto link = open_pin(path)) {
    detach(*link);
  }
  return unpin(path);
}

Result<> attach_to_cgroup(const Fd& program, const CgroupLink& link, const std::string& cgroup,
                          const std::string& root) {
  const Fd directory(::open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) {
    return fail_errno(errno, fmt::format("open the cgroup {}", cgroup));
  }
  auto made = make_link(program, directory.get(), link.attach);
  if (!made) {
    return fail(prefixed(fmt::format("{} at {}", link.name, cgroup), made.error()));
  }
  // Pinned aside and renamed over the old pin, whose link then ends: no moment without either.
  const std::string path = fmt::format("{}/{}", root, link.name);
  TRY_VOID(unpin(path + "-new"));
  TRY_VOID(pin(*made, path + "-new"));
  if (std::rename((path + "-new").c_str(), path.c_str()) != 0) {
    return fail_errno(errno, fmt::format("rename the pin to {}", path));
  }
  return {};
}

}  // namespace

}  // namespace culvert::datapath
