// Datapath: the kernel programs of one node, with their maps and links, pinned so that they outlive
// the agent. The only caller of libbpf; knows cookies, addresses and descriptors, not Kubernetes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::datapath {

struct DatapathConfig {
  std::string pin_dir;      // made, and a bpffs mounted for it, where absent
  std::string cgroup_root;  // a cgroup2 directory: every pod and daemon of this node is below it
  std::optional<std::string> probe_cgroup;  // the kubelet's cgroup2 directory; none: no passports
};

// PodKey is what the kernel knows of a pod: its netns and the addresses that are its own.
struct PodKey {
  std::uint64_t netns_cookie = 0;  // enrol::netns_cookie()
  std::vector<IpAddress> ips;      // at most CULVERT_POD_IPS_MAX, all interfaces, no loopback
};

// ListenerFds are borrowed listening sockets in the netns of a pod.
struct ListenerFds {
  int outbound = -1;
  int inbound = -1;
  int hbone = -1;
};

// PodState is one pod as the kernel holds it, whatever the agent believes.
struct PodState {
  PodKey key;
  bool captured = false;          // its connects are marked
  bool steered = false;           // its netns carries the steer program and knows the addresses
  bool listeners = false;         // all three slots hold a live listening socket
  std::uint64_t netns_inode = 0;  // 0: not steered, or the netns is gone and only pins are left
};

struct VerdictCount {
  std::string_view program;  // "capture", "steer", "passport"; static storage
  std::string_view verdict;
  std::string_view effect;  // "pass", "steer", "drop"
  std::uint64_t count = 0;
};

// missing_kernel_features tries each feature that the data path needs and gives one sentence for
// each that is missing; empty means that this kernel will do. Needs root.
std::vector<std::string> missing_kernel_features();

class Datapath {
 public:
  // open loads the programs, attaches them to `cgroup_root` and pins everything below `pin_dir`;
  // pins of an earlier agent are adopted and their programs replaced under the live links. Fails
  // with `unavailable` when the kernel misses a feature, `config` for a path that can't be used or
  // pins of another ABI version (the sentence names the path and the next step), `io` for all else.
  static Result<Datapath> open(const DatapathConfig& config);

  Datapath(Datapath&&) noexcept;
  Datapath& operator=(Datapath&&) noexcept;
  // Everything stays pinned and at work: an agent that dies changes nothing.
  ~Datapath();

  // enrol_pod captures and steers a pod whose netns is set up (enrol::set_up_netns): listener
  // slots, then addresses, then the steer program, then the cookie; undone in reverse order on
  // failure. For a pod that is enrolled already it replaces all four in place, so it is also how an
  // agent that was restarted puts in its fresh listeners. `netns_fd` and `listeners` are borrowed
  // for the call. Fails with `limit` for too many pods or addresses, `config` for no address.
  Result<> enrol_pod(const PodKey& pod, int netns_fd, const ListenerFds& listeners);

  // set_listeners swaps the three slots of a pod; connections queued on the old sockets stay there.
  Result<> set_listeners(std::uint64_t netns_cookie, const ListenerFds& listeners);

  // Un-enrolment has two halves, with the drain of captured connections between them: forget_pod
  // ends the capture of new connects; detach_pod removes program, addresses and slots. Only after
  // that may enrol::tear_down_netns take route and rule away. Both succeed for a pod that is not
  // there.
  Result<> forget_pod(std::uint64_t netns_cookie);
  Result<> detach_pod(std::uint64_t netns_cookie);

  // pods lists what the kernel holds, for the comparison at start. Pods whose netns died while no
  // agent ran have netns_inode 0: forget and detach them.
  Result<std::vector<PodState>> pods() const;

  // add_daemon exempts the processes of one cgroup (exactly that one, not its children) from
  // capture. Fails with `config` for the node's own root: every pod would be exempt.
  Result<> add_daemon(std::uint64_t cgroup_id);
  Result<> remove_daemon(std::uint64_t cgroup_id);  // succeeds when absent
  Result<std::vector<std::uint64_t>> daemons() const;

  // follow_probe_cgroup attaches the passport program to the kubelet's cgroup, also when systemd
  // made it anew under the same path; does nothing if it is attached there already. Call it now and
  // then.
  Result<> follow_probe_cgroup(const std::string& path);

  // verdicts gives every verdict of every program with its count since the maps were made.
  Result<std::vector<VerdictCount>> verdicts() const;

  // detached gives one sentence for each capture program that is not attached to the node's cgroup
  // any more: somebody removed its pin. reattach puts those back, and is true if there were any;
  // call it now and then.
  std::vector<std::string> detached() const;
  Result<bool> reattach();

  // remove_all detaches every program and removes every pin of this `pin_dir`, whichever agent made
  // them and of whatever version; a missing directory is success. Pods go on in plaintext.
  static Result<> remove_all(const std::string& pin_dir);

 private:
  struct State;
  explicit Datapath(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace culvert::datapath
