// SPDX-License-Identifier: Apache-2.0
#include "agent/enrol/node_kernel.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <netinet/tcp.h>
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "agent/datapath/processes.h"
#include "agent/enrol/netns.h"
#include "agent/enrol/netns_setup.h"
#include "agent/enrol/running_pods.h"

namespace culvert::enrol {

namespace {

namespace fs = std::filesystem;

// Where a netns may have a name: ours, and the host's when the agent runs in a container (hostPID).
constexpr const char* kNameDirectories[] = {"/run/netns", "/proc/1/root/run/netns"};

std::optional<Fd> open_if_inode(const fs::path& path, std::uint64_t inode);
// Whether a line of /proc/net/tcp is a connection that a drain should wait for.
bool is_live_connection(const std::string& line);

}  // namespace

bool is_held_whole(const std::vector<datapath::PodState>& held, std::uint64_t cookie) {
  return std::ranges::any_of(held, [&](const auto& pod) {
    return pod.key.netns_cookie == cookie && pod.captured && pod.steered && pod.listeners;
  });
}

Result<std::uint64_t> KernelOfNode::cookie(int netns) {
  return netns_cookie(netns);
}
Result<std::uint64_t> KernelOfNode::inode(int netns) {
  TRY(const auto inode, netns_inode(netns));
  for (const char* own : {"/proc/self/ns/net", "/proc/1/ns/net"}) {
    struct stat node{};
    if (::stat(own, &node) == 0 && node.st_ino == inode) {
      return fail(Errc::config,
                  "this is the network namespace of the node itself: a pod with hostNetwork can't "
                  "be in the mesh");
    }
  }
  return inode;
}
Result<std::vector<IpAddress>> KernelOfNode::addresses(int netns) {
  return pod_addresses(netns);
}
Result<> KernelOfNode::set_up(int netns, const std::vector<IpAddress>& ips) {
  return set_up_netns(netns, ips);
}
Result<> KernelOfNode::tear_down(int netns) {
  return tear_down_netns(netns);
}
Result<Listeners> KernelOfNode::listen(int netns) {
  return make_listeners(netns);
}
Result<> KernelOfNode::capture(const datapath::PodKey& pod, int netns, const Listeners& listeners) {
  return datapath_.enrol_pod(pod, netns,
                             {.outbound = listeners.outbound.get(),
                              .inbound = listeners.inbound.get(),
                              .hbone = listeners.hbone.get()});
}
Result<> KernelOfNode::end_capture(std::uint64_t cookie) {
  return datapath_.forget_pod(cookie);
}
Result<> KernelOfNode::end_steering(std::uint64_t cookie) {
  return datapath_.detach_pod(cookie);
}
Result<bool> KernelOfNode::reattach() {
  return datapath_.reattach();
}
Result<std::vector<datapath::PodState>> KernelOfNode::held() {
  return datapath_.pods();
}

Result<bool> KernelOfNode::has_connections(int netns) {
  TRY(const auto visit, NetnsVisit::enter(netns));
  for (const char* path : {"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"}) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
      if (is_live_connection(line)) {
        return true;
      }
    }
  }
  return false;
}

Result<Fd> KernelOfNode::find_netns(std::uint64_t inode, std::uint64_t cookie) {
  std::vector<fs::path> places;
  std::error_code error;
  for (const char* directory : kNameDirectories) {
    for (const auto& entry : fs::directory_iterator(directory, error)) {
      places.push_back(entry.path());
    }
  }
  for (const auto& process : datapath::processes()) {
    places.push_back(process / "ns/net");
  }
  for (const auto& place : places) {
    auto found = open_if_inode(place, inode);
    if (found && netns_cookie(found->get()).value_or(0) == cookie) {
      return std::move(*found);
    }
  }
  return fail(Errc::not_found,
              fmt::format("no process and no name leads to the network namespace {}", inode));
}

std::map<std::string, Fd> KernelOfNode::find_running(const std::set<std::string>& uids) {
  return find_running_pods("/proc", uids);
}

namespace {

std::optional<Fd> open_if_inode(const fs::path& path, std::uint64_t inode) {
  struct stat node{};
  if (::stat(path.c_str(), &node) != 0 || node.st_ino != inode) {
    return std::nullopt;
  }
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || netns_inode(fd.get()).value_or(0) != inode) {
    return std::nullopt;
  }
  return fd;
}

bool is_live_connection(const std::string& line) {
  // "  0: <local> <remote> <state, hex> …", after one line of titles (proc_net_tcp of the kernel).
  std::istringstream words(line);
  std::string slot, local, remote, state;
  words >> slot >> local >> remote >> state;
  unsigned number = 0;
  std::from_chars(state.data(), state.data() + state.size(), number, 16);
  return number != 0 && number != TCP_LISTEN && number != TCP_CLOSE && number != TCP_TIME_WAIT;
}

}  // namespace

}  // namespace culvert::enrol
