// SPDX-License-Identifier: Apache-2.0
#include "agent/removal.h"

#include <fmt/format.h>
#include <poll.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "agent/agent.h"
#include "agent/cni/conf_dir.h"
#include "agent/cni/conflist.h"
#include "agent/cni/namespaces.h"
#include "agent/datapath/cgroup.h"
#include "agent/datapath/datapath.h"
#include "agent/enrol/node_kernel.h"
#include "agent/enrol/records.h"
#include "ztunnel/lib/io/daemon.h"

namespace culvert::agent {

namespace {

void told(std::string_view what, const Error& failure);

// Pins that can't be opened (another version) are removed all the same; only the rules and routes
// of their pods then stay, which do nothing without marks.
void release_pods(const Config& config);

}  // namespace

Result<> remove_all(const Config& config) {
  if (config.drain) {
    if (const auto left = run_agent(config); !left) {
      told("the pods do not leave in order", left.error());
    }
  }
  std::error_code error;
  // Before the kernel: a pod that starts meanwhile must not wait for an agent that does not come
  // back.
  if (!config.cni.conf_dir.empty()) {
    TRY_VOID(cni::take_out(config.cni.conf_dir));
  }
  if (!config.cni.bin_dir.empty()) {
    std::filesystem::remove(config.cni.bin_dir + "/" + cni::kPluginType, error);
  }
  std::filesystem::remove(config.state_dir + "/" + cni::kNamespacesName, error);
  if (std::filesystem::exists(config.pin_dir, error)) {
    release_pods(config);
    TRY_VOID(datapath::Datapath::remove_all(config.pin_dir));
  }
  std::filesystem::remove(config.run_dir + "/" + enrol::kRecordsName, error);
  return {};
}

Result<> remove_all_and_stay(const Config& config) {
  TRY(const auto signals, io::block_signals());
  TRY_VOID(remove_all(config));
  pollfd ended{.fd = signals.get(), .events = POLLIN, .revents = 0};
  while (::poll(&ended, 1, -1) < 0 && errno == EINTR) {
  }
  return {};
}

Result<std::string> cgroup_of(const Config& config) {
  if (config.cgroup) {
    return *config.cgroup;
  }
  return datapath::find_cgroup2_root();
}

namespace {

void told(std::string_view what, const Error& failure) {
  fmt::print(stderr, "culvert-agent: {}: {}\n", what, to_string(failure));
}

void release_pods(const Config& config) {
  const auto cgroup = cgroup_of(config);
  if (!cgroup) {
    return told("the pods are not released one by one", cgroup.error());
  }
  auto datapath = datapath::Datapath::open(
      {.pin_dir = config.pin_dir, .cgroup_root = *cgroup, .probe_cgroup = std::nullopt});
  if (!datapath) {
    return told("the pods are not released one by one", datapath.error());
  }
  enrol::KernelOfNode kernel(*datapath);
  const auto held = kernel.held();
  if (!held) {
    return told("the kernel's pods can't be listed", held.error());
  }
  for (const auto& pod : *held) {
    Result<> released = kernel.end_capture(pod.key.netns_cookie);
    if (released) {
      released = kernel.end_steering(pod.key.netns_cookie);
    }
    if (const auto netns = kernel.find_netns(pod.netns_inode, pod.key.netns_cookie);
        released && netns) {
      released = kernel.tear_down(netns->get());
    }
    if (!released) {
      told("a pod could not be released", released.error());
    }
  }
}

}  // namespace

}  // namespace culvert::agent
