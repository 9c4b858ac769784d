// Clients that connect from a cgroup and a netns of their choice, and servers that accept in time.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/base/fd.h"

namespace culvert::test {

// What a client does before and at its connect().
struct Connect {
  SocketAddress target;
  int protocol = 6;  // IPPROTO_TCP
  bool udp = false;
  bool v6_socket = false;     // also for an IPv4 target, which is then v4-mapped
  std::uint32_t mark = 0;     // SO_MARK
  std::string device;         // SO_BINDTODEVICE
  bool transparent = false;   // IP_TRANSPARENT
  bool only_net_raw = false;  // drop every capability but CAP_NET_RAW first
  std::optional<SocketAddress> source;
  std::chrono::milliseconds patience{1500};
};

// What came of it.
struct Outcome {
  int error = 0;  // errno of the first call that failed; ETIMEDOUT after `patience`
  SocketAddress local;
  SocketAddress peer;
  std::uint32_t mark = 0;
};

// Client is a child process that keeps its connection open until it is destroyed.
class Client {
 public:
  // start forks a process into the cgroup directory and the netns; it connects meanwhile.
  static Client start(const std::string& cgroup, int netns_fd, const Connect& what);
  Client(Client&& other) noexcept;
  Client& operator=(Client&&) = delete;
  ~Client();

  // outcome waits for the connect to end.
  Outcome outcome();

 private:
  Client(pid_t pid, Fd report) : pid_(pid), report_(std::move(report)) {}
  pid_t pid_ = -1;
  Fd report_;
};

struct Accepted {
  Fd socket;
  SocketAddress local;
  SocketAddress peer;
};

// accept_within gives nothing if no connection came in time.
std::optional<Accepted> accept_within(const Fd& listener, std::chrono::milliseconds patience);

// listen_in opens a plain listening socket in a netns.
Fd listen_in(int netns_fd, const SocketAddress& address);

}  // namespace culvert::test
