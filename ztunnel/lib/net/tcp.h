// TCP: making connections and listeners, with the socket options that a transparent proxy needs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "ztunnel/lib/net/socket_stream.h"

namespace culvert::net {

// 180 s and 9 probes are ztunnel's (config.rs, KEEPALIVE_*): a NAT or firewall in between forgets
// an idle connection after 5 minutes or more.
constexpr std::chrono::seconds kKeepaliveIdle{180};
constexpr std::chrono::seconds kKeepaliveInterval{180};
constexpr int kKeepaliveProbes = 9;
// 256 KiB: what a socket takes beyond what its peer's window has room for. Left to itself the
// kernel takes up to 4 MiB (tcp_wmem) for a reader that sleeps; a thousand of those use up tcp_mem,
// and every TCP socket of the node starves.
constexpr int kUnsentBytesMax = 256 * 1024;
constexpr std::chrono::seconds kConnectTimeout{10};  // ztunnel's; three SYN retries fit
constexpr int kListenBacklog = 1024;  // what waits while a daemon restarts; somaxconn may cut it

struct PortRange {
  std::uint16_t low = 0;  // both inclusive
  std::uint16_t high = 0;
};

struct ConnectOptions {
  SocketAddress to;
  // The address to connect from. With `transparent` it may be anyone's (IP_TRANSPARENT,
  // IP_FREEBIND, needs CAP_NET_ADMIN); else it has to be the host's own. No port is taken before
  // the connect.
  std::optional<IpAddress> source;
  bool transparent = false;
  // Where the source port comes from, if `source` is given. Not by IP_LOCAL_PORT_RANGE: the kernel
  // ignores it outside the netns' own ip_local_port_range (tried on 6.18), and the ports of clients
  // are just what a delivery has to keep away from.
  std::optional<PortRange> source_ports;
  std::uint32_t mark = 0;   // SO_MARK, 0 for none
  std::string bind_device;  // SO_BINDTODEVICE, such as "lo"; empty for none
  int netns = -1;  // descriptor of the netns to make the socket in; -1 for the thread's own
  io::Duration timeout = kConnectTimeout;
};

// connect_tcp connects and sets NODELAY and keepalive. Fails with `unavailable` (refused,
// unreachable), `timed_out`, `limit` (descriptors), `io` (an option that the kernel refused, named
// in the context "connect 10.0.0.1:80: …"), `cancelled`. Suspends.
io::Task<std::unique_ptr<SocketStream>> connect_tcp(io::Loop& loop, ConnectOptions options);

struct ListenOptions {
  SocketAddress at;          // [::] listens for IPv4 too
  bool transparent = false;  // take connections to addresses that are not the host's
  bool reuse_port = false;
  int backlog = kListenBacklog;
  int netns = -1;
};

// listen_tcp makes a non-blocking listener. Fails with `config` if the port is in use, else as the
// kernel says. Does not suspend.
Result<Fd> listen_tcp(const ListenOptions& options);

// check_listener fails with `protocol` when `fd` is no socket that listens.
Result<> check_listener(int fd);

// accept_tcp waits for a connection at `listener`, which must be non-blocking and outlive the task,
// and sets NODELAY and keepalive. Fails with `limit` when out of descriptors.
io::Task<std::unique_ptr<SocketStream>> accept_tcp(io::Loop& loop, int listener);

// tune_tcp sets NODELAY and keepalive on a connected socket. Failure is not worth losing the
// connection for, so there is none to look at.
void tune_tcp(int fd);

// Addresses of any IP socket. Fail with `io` for other families.
Result<SocketAddress> local_address(int fd);
Result<SocketAddress> peer_address(int fd);

}  // namespace culvert::net
