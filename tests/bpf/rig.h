// Rig: one simulated node with one pod and one stranger outside: two network namespaces on a veth
// pair, a cgroup subtree, a pin directory, and the datapath over them. Everything is gone when it
// is.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/datapath/datapath.h"
#include "agent/enrol/listeners.h"
#include "tests/bpf/sockets.h"
#include "ztunnel/lib/base/fd.h"

namespace culvert::test {

// Addresses of the rig; `nobody` has a route and no host.
inline constexpr const char* kPod4 = "10.77.0.2";
inline constexpr const char* kPod6 = "fd77::2";
inline constexpr const char* kOutside4 = "10.77.0.1";
inline constexpr const char* kOutside6 = "fd77::1";
inline constexpr const char* kNobody4 = "10.99.1.1";
inline constexpr const char* kNobody6 = "fd99::1";

SocketAddress at(const char* ip, std::uint16_t port);

// run executes a program and gives its exit status.
int run(const std::vector<std::string>& arguments);

class Rig {
 public:
  Rig();
  ~Rig();
  Rig(const Rig&) = delete;
  Rig& operator=(const Rig&) = delete;

  // open_datapath (re)opens the datapath; the one before is closed first, as by an agent's death.
  datapath::Datapath& open_datapath();
  void close_datapath() { datapath_.reset(); }
  datapath::Datapath& datapath() { return *datapath_; }

  // enrol_pod sets the netns up, makes listeners and enrols.
  void enrol_pod();
  datapath::PodKey pod_key() const;
  // use_fresh_listeners makes new ones and gives the old back, still open.
  enrol::Listeners use_fresh_listeners();
  const enrol::Listeners& listeners() const { return listeners_; }
  void drop_listeners() { listeners_ = {}; }

  // Connects from the pod, from outside, from the daemon inside the pod, from the kubelet's
  // stand-in (outside, in the probe cgroup).
  Client connect_from_pod(const Connect& what) const;
  Client connect_from_outside(const Connect& what) const;
  Client connect_as_daemon(const Connect& what) const;
  Client connect_as_probe(const Connect& what) const;

  // listen_in_pod and listen_outside are the application's and the stranger's servers.
  Fd listen_in_pod(const SocketAddress& address) const;
  Fd listen_outside(const SocketAddress& address) const;

  // count gives one verdict's counter, e.g. count("capture", "captured").
  std::uint64_t count(std::string_view program, std::string_view verdict) const;

  int pod_netns() const { return pod_netns_.get(); }
  int outside_netns() const { return outside_netns_.get(); }
  std::string pin_dir() const { return directory_ + "/pins"; }
  std::string cgroup(const std::string& name) const;
  datapath::DatapathConfig config() const;
  // kill_pod_netns removes the pod's netns, as a pod's end does while no agent runs.
  void kill_pod_netns();

 private:
  void build();
  void remove();

  std::string name_;       // of this rig: prefix of its namespaces, cgroups and files
  std::string directory_;  // below /tmp
  std::string cgroup_root_;
  Fd pod_netns_;
  Fd outside_netns_;
  std::uint64_t pod_cookie_ = 0;
  enrol::Listeners listeners_;
  std::optional<datapath::Datapath> datapath_;
};

}  // namespace culvert::test
