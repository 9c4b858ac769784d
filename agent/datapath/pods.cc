// The life of a pod in the kernel's maps, and the counters.
// SPDX-License-Identifier: Apache-2.0
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <set>

#include "agent/datapath/kernel.h"
#include "agent/datapath/pins.h"
#include "agent/datapath/state.h"
#include "bpf/include/culvert_abi.h"

namespace culvert::datapath {

namespace {

struct Slot {
  culvert_role role;
  int ListenerFds::* fd;
  const char* what;
};
constexpr Slot kSlots[] = {
    {CULVERT_ROLE_OUTBOUND, &ListenerFds::outbound, "put in the outbound listener"},
    {CULVERT_ROLE_INBOUND, &ListenerFds::inbound, "put in the inbound listener"},
    {CULVERT_ROLE_HBONE, &ListenerFds::hbone, "put in the HBONE listener"},
};

struct VerdictName {
  const char* program;
  const char* verdict;
  culvert_effect effect;
};
constexpr VerdictName kVerdicts[] = {
#define CULVERT_VERDICT_NAME(PROGRAM, NAME, program, name, EFFECT) \
  {#program, #name, CULVERT_EFFECT_##EFFECT},
    CULVERT_VERDICTS(CULVERT_VERDICT_NAME)
#undef CULVERT_VERDICT_NAME
};
constexpr const char* kEffects[] = {"pass", "steer", "drop"};

Result<culvert_pod> to_kernel(const PodKey& pod);
std::vector<IpAddress> from_kernel(const culvert_pod& pod);
culvert_slot slot_key(std::uint64_t netns_cookie, culvert_role role);

// attach_steer puts the program into the netns, or a fresh instance under the link that is there.
Result<> attach_steer(const Maps& maps, const std::string& root, std::uint64_t cookie,
                      int netns_fd);

}  // namespace

Result<> Datapath::enrol_pod(const PodKey& pod, int netns_fd, const ListenerFds& listeners) {
  TRY(const auto value, to_kernel(pod));
  const std::uint64_t cookie = pod.netns_cookie;
  culvert_pod before{};
  TRY(const bool known, map_get(state_->maps.steered, &cookie, &before, "look a pod up"));

  Result<> result = set_listeners(cookie, listeners);
  if (result) {
    result = map_put(state_->maps.steered, &cookie, &value, "write a pod's addresses for steer");
  }
  if (result) {
    result = attach_steer(state_->maps, state_->root, cookie, netns_fd);
  }
  if (result) {
    result = map_put(state_->maps.pods, &cookie, &value, "capture a pod's netns");
  }
  if (!result && !known) {
    // A pod that was at work before stays at work with what could be replaced.
    (void)forget_pod(cookie);
    (void)detach_pod(cookie);
  }
  return result;
}

Result<> Datapath::set_listeners(std::uint64_t netns_cookie, const ListenerFds& listeners) {
  for (const auto& slot : kSlots) {
    const culvert_slot key = slot_key(netns_cookie, slot.role);
    const auto fd = static_cast<std::uint64_t>(listeners.*slot.fd);
    TRY_VOID(map_put(state_->maps.listeners, &key, &fd, slot.what));
  }
  return {};
}

Result<> Datapath::forget_pod(std::uint64_t netns_cookie) {
  return map_erase(state_->maps.pods, &netns_cookie, "end the capture of a pod");
}

Result<> Datapath::detach_pod(std::uint64_t netns_cookie) {
  const std::string path = steer_pin(state_->root, netns_cookie);
  // The program goes first: without addresses it would drop what it should now leave alone.
  if (const auto link = open_pin(path)) {
    detach(*link);
  }
  TRY_VOID(unpin(path));
  for (const auto& slot : kSlots) {
    const culvert_slot key = slot_key(netns_cookie, slot.role);
    TRY_VOID(map_erase(state_->maps.listeners, &key, "empty a listener slot"));
  }
  return map_erase(state_->maps.steered, &netns_cookie, "remove a pod's addresses");
}

Result<std::vector<PodState>> Datapath::pods() const {
  const Maps& maps = state_->maps;
  TRY(const auto captured, map_keys<std::uint64_t>(maps.pods, "list the captured pods"));
  TRY(const auto steered, map_keys<std::uint64_t>(maps.steered, "list the steered pods"));
  TRY(const auto pinned, steer_cookies(state_->root));
  std::set<std::uint64_t> cookies(captured.begin(), captured.end());
  cookies.insert(steered.begin(), steered.end());
  cookies.insert(pinned.begin(), pinned.end());

  std::vector<PodState> states;
  for (const auto cookie : cookies) {
    PodState state{.key = {.netns_cookie = cookie, .ips = {}}};
    culvert_pod value{};
    TRY(state.captured, map_get(maps.pods, &cookie, &value, "look a captured pod up"));
    TRY(const bool has_addresses, map_get(maps.steered, &cookie, &value, "look a steered pod up"));
    if (const auto link = open_pin(steer_pin(state_->root, cookie))) {
      TRY(const auto target, link_target(*link));
      state.netns_inode = target.netns_inode;
    }
    state.key.ips = from_kernel(value);
    state.steered = has_addresses && state.netns_inode != 0;
    state.listeners = true;
    for (const auto& slot : kSlots) {
      const culvert_slot key = slot_key(cookie, slot.role);
      std::uint64_t socket = 0;
      TRY(const bool filled, map_get(maps.listeners, &key, &socket, "look at a listener slot"));
      state.listeners = state.listeners && filled;
    }
    states.push_back(std::move(state));
  }
  return states;
}

Result<std::vector<VerdictCount>> Datapath::verdicts() const {
  std::vector<std::uint64_t> per_cpu(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  std::vector<VerdictCount> counts;
  for (std::uint32_t index = 0; index < CULVERT_VERDICT_COUNT; ++index) {
    TRY_VOID(map_get(state_->maps.verdicts, &index, per_cpu.data(), "read the verdicts"));
    const auto& name = kVerdicts[index];
    counts.push_back({.program = name.program,
                      .verdict = name.verdict,
                      .effect = kEffects[name.effect],
                      .count = std::accumulate(per_cpu.begin(), per_cpu.end(), std::uint64_t{0})});
  }
  return counts;
}

namespace {

Result<culvert_pod> to_kernel(const PodKey& pod) {
  if (pod.ips.empty()) {
    return fail(Errc::config,
                "a pod without an address can't be enrolled: wait until its CNI gave it one");
  }
  if (pod.ips.size() > CULVERT_POD_IPS_MAX) {
    return fail(Errc::limit,
                fmt::format("the pod with {} has {} addresses, {} is the most: exclude it from "
                            "the mesh or remove interfaces",
                            to_string(pod.ips.front()), pod.ips.size(), CULVERT_POD_IPS_MAX));
  }
  culvert_pod value{};
  value.ip_count = static_cast<std::uint32_t>(pod.ips.size());
  for (std::size_t i = 0; i < pod.ips.size(); ++i) {
    std::memcpy(value.ips[i].words, pod.ips[i].mapped().data(), sizeof value.ips[i].words);
  }
  return value;
}

std::vector<IpAddress> from_kernel(const culvert_pod& pod) {
  std::vector<IpAddress> ips;
  for (std::uint32_t i = 0; i < std::min(pod.ip_count, CULVERT_POD_IPS_MAX); ++i) {
    std::uint8_t octets[16];
    std::memcpy(octets, pod.ips[i].words, sizeof octets);
    if (const auto ip = IpAddress::from_bytes(octets)) {
      ips.push_back(*ip);
    }
  }
  return ips;
}

culvert_slot slot_key(std::uint64_t netns_cookie, culvert_role role) {
  return {.netns_cookie = netns_cookie, .role = static_cast<std::uint32_t>(role), .pad = 0};
}

Result<> attach_steer(const Maps& maps, const std::string& root, std::uint64_t cookie,
                      int netns_fd) {
  TRY(const auto program, load_steer(maps, cookie));
  const std::string path = steer_pin(root, cookie);
  if (const auto pinned = open_pin(path)) {
    TRY(const bool replaced, replace_program(*pinned, program));
    if (replaced) {
      return {};
    }
    TRY_VOID(unpin(path));
  }
  TRY(const auto link, make_link(program, netns_fd, Attach::sk_lookup));
  return pin(link, path);
}

}  // namespace

}  // namespace culvert::datapath
