// NodeKernel: all that enrolment does to the kernel, as an interface, so that a test can make any
// step fail. Each step can be repeated.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/datapath/datapath.h"
#include "agent/enrol/listeners.h"

namespace culvert::enrol {

class NodeKernel {
 public:
  virtual ~NodeKernel() = default;

  virtual Result<std::uint64_t> cookie(int netns) = 0;
  // inode fails with `config` for what is no netns, and for the node's own: capturing that would
  // capture the node.
  virtual Result<std::uint64_t> inode(int netns) = 0;
  virtual Result<std::vector<IpAddress>> addresses(int netns) = 0;

  // Routes, rules and sysctls.
  virtual Result<> set_up(int netns, const std::vector<IpAddress>& ips) = 0;
  virtual Result<> tear_down(int netns) = 0;
  virtual Result<Listeners> listen(int netns) = 0;

  // capture puts listeners, addresses and program in and ends with the cookie; it undoes itself.
  virtual Result<> capture(const datapath::PodKey& pod, int netns, const Listeners& listeners) = 0;
  virtual Result<> end_capture(std::uint64_t cookie) = 0;
  virtual Result<> end_steering(std::uint64_t cookie) = 0;

  // has_connections tells whether the netns has TCP connections that are not over.
  virtual Result<bool> has_connections(int netns) = 0;

  // reattach puts the programs back that capture for all pods, if somebody took them out; true if
  // somebody had.
  virtual Result<bool> reattach() = 0;
  // held lists the pods that the kernel has, whoever enrolled them.
  virtual Result<std::vector<datapath::PodState>> held() = 0;
  // find_netns opens the netns with that inode and cookie again. Fails with `not_found` if no name
  // in /run/netns and no process leads to it.
  virtual Result<Fd> find_netns(std::uint64_t inode, std::uint64_t cookie) = 0;
  // find_running gives the netns of those pods of `uids` that have a process (running_pods.h).
  virtual std::map<std::string, Fd> find_running(const std::set<std::string>& uids) = 0;
};

// is_held_whole tells whether `held` has the pod of this netns with all that captures it.
bool is_held_whole(const std::vector<datapath::PodState>& held, std::uint64_t cookie);

// KernelOfNode is the real one. `datapath` must outlive it.
class KernelOfNode final : public NodeKernel {
 public:
  explicit KernelOfNode(datapath::Datapath& datapath) : datapath_(datapath) {}

  Result<std::uint64_t> cookie(int netns) override;
  Result<std::uint64_t> inode(int netns) override;
  Result<std::vector<IpAddress>> addresses(int netns) override;
  Result<> set_up(int netns, const std::vector<IpAddress>& ips) override;
  Result<> tear_down(int netns) override;
  Result<Listeners> listen(int netns) override;
  Result<> capture(const datapath::PodKey& pod, int netns, const Listeners& listeners) override;
  Result<> end_capture(std::uint64_t cookie) override;
  Result<> end_steering(std::uint64_t cookie) override;
  Result<bool> has_connections(int netns) override;
  Result<bool> reattach() override;
  Result<std::vector<datapath::PodState>> held() override;
  Result<Fd> find_netns(std::uint64_t inode, std::uint64_t cookie) override;
  std::map<std::string, Fd> find_running(const std::set<std::string>& uids) override;

 private:
  datapath::Datapath& datapath_;
};

}  // namespace culvert::enrol
