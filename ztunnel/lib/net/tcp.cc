// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/net/tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "ztunnel/lib/io/timeout.h"
#include "ztunnel/lib/net/netns.h"

namespace culvert::net {
namespace {

// Linux uapi values that glibc 2.36 does not have.
constexpr int kIpLocalPortRange = 51;  // since 6.3
// How many source ports are tried one by one where the kernel can't choose from a range: with half
// of the range taken, all would be in use once in 2^64 connects.
constexpr int kBindAttemptsMax = 64;

Result<> set_option(int fd, int level, int name, int value, std::string_view what);
Result<> set_source(int fd, const ConnectOptions& options, io::TimePoint now);
Result<> bind_to(int fd, const SocketAddress& address);

Result<Fd> make_socket(const ConnectOptions& options, io::TimePoint now) {
  const int family = options.to.ip.is_v4() ? AF_INET : AF_INET6;
  TRY(auto socket, socket_in_netns(options.netns, family, SOCK_STREAM));
  if (options.mark != 0) {
    TRY_VOID(set_option(socket.get(), SOL_SOCKET, SO_MARK, static_cast<int>(options.mark),
                        "SO_MARK (needs CAP_NET_ADMIN)"));
  }
  if (!options.bind_device.empty() &&
      ::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, options.bind_device.c_str(),
                   static_cast<socklen_t>(options.bind_device.size() + 1)) != 0) {
    return fail_errno(errno, "SO_BINDTODEVICE " + options.bind_device);
  }
  if (options.source) {
    TRY_VOID(set_source(socket.get(), options, now));
  }
  return socket;
}

io::Task<> connect_socket(io::Loop& loop, int fd, SocketAddress to) {
  co_await loop.connect(fd, to);
}

}  // namespace

io::Task<std::unique_ptr<SocketStream>> connect_tcp(io::Loop& loop, ConnectOptions options) {
  const std::string what = "connect " + to_string(options.to);
  auto socket = make_socket(options, loop.now());
  if (!socket) {
    co_return fail(prefixed(what, std::move(socket).error()));
  }
  auto connected = co_await as_result(io::with_timeout(
      loop, options.timeout, what, connect_socket(loop, socket->get(), options.to)));
  if (!connected) {
    const int error = connected.error().sys;
    co_return error != 0 ? fail_errno(error, what) : fail(std::move(connected).error());
  }
  tune_tcp(socket->get());
  co_return std::make_unique<SocketStream>(loop, std::move(*socket));
}

Result<Fd> listen_tcp(const ListenOptions& options) {
  const std::string what = "listen on " + to_string(options.at);
  const bool is_v4 = options.at.ip.is_v4();
  TRY(auto socket, socket_in_netns(options.netns, is_v4 ? AF_INET : AF_INET6, SOCK_STREAM));
  const int fd = socket.get();
  TRY_VOID(set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"));
  if (options.reuse_port) {
    TRY_VOID(set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT"));
  }
  if (!is_v4) {
    TRY_VOID(set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0, "IPV6_V6ONLY"));
  }
  if (options.transparent) {
    TRY_VOID(set_option(fd, is_v4 ? IPPROTO_IP : IPPROTO_IPV6,
                        is_v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, 1,
                        "IP_TRANSPARENT (needs CAP_NET_ADMIN)"));
  }
  if (auto bound = bind_to(fd, options.at); !bound) {
    if (bound.error().sys == EADDRINUSE) {
      return fail(Errc::config, what +
                                    ": the port is in use; stop the process that has it (ss -ltnp) "
                                    "or choose another port");
    }
    return fail(prefixed(what, std::move(bound).error()));
  }
  if (::listen(fd, options.backlog) != 0) {
    return fail_errno(errno, what);
  }
  return socket;
}

io::Task<std::unique_ptr<SocketStream>> accept_tcp(io::Loop& loop, int listener) {
  Fd socket = co_await loop.accept(listener);
  tune_tcp(socket.get());
  co_return std::make_unique<SocketStream>(loop, std::move(socket));
}

void tune_tcp(int fd) {
  const auto set = [fd](int level, int name, int value) {
    (void)::setsockopt(fd, level, name, &value, sizeof(value));
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(kKeepaliveIdle.count()));
  set(IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(kKeepaliveInterval.count()));
  set(IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
}

Result<SocketAddress> local_address(int fd) {
  sockaddr_storage storage{};
  socklen_t bytes = sizeof(storage);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &bytes) != 0) {
    return fail_errno(errno, "getsockname");
  }
  return SocketAddress::from_sockaddr(storage);
}

Result<SocketAddress> peer_address(int fd) {
  sockaddr_storage storage{};
  socklen_t bytes = sizeof(storage);
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &bytes) != 0) {
    return fail_errno(errno, "getpeername");
  }
  return SocketAddress::from_sockaddr(storage);
}

namespace {

Result<> set_option(int fd, int level, int name, int value, std::string_view what) {
  if (::setsockopt(fd, level, name, &value, sizeof(value)) != 0) {
    return fail_errno(errno, what);
  }
  return {};
}

Result<> bind_to(int fd, const SocketAddress& address) {
  sockaddr_storage storage{};
  const socklen_t bytes = address.to_sockaddr(storage);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&storage), bytes) != 0) {
    return fail_errno(errno, "bind " + to_string(address));
  }
  return {};
}

// Binds to ports of the range one by one, from a place that differs from connect to connect.
Result<> bind_in_range(int fd, const IpAddress& source, PortRange ports, io::TimePoint now) {
  TRY_VOID(set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"));
  const auto count = static_cast<std::uint64_t>(ports.high - ports.low) + 1;
  const auto first = static_cast<std::uint64_t>(now.time_since_epoch().count()) % count;
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(count, kBindAttemptsMax); ++i) {
    const auto port = static_cast<std::uint16_t>(ports.low + (first + i) % count);
    auto bound = bind_to(fd, {source, port});
    if (bound || bound.error().sys != EADDRINUSE) {
      return bound;
    }
  }
  return fail(Errc::limit, "bind " + to_string(source) + ": no free source port in " +
                               std::to_string(ports.low) + "-" + std::to_string(ports.high));
}

// The source address and, as late as the connect, its port: a port taken by bind() would be unique
// per address, where a connection's need only be unique per destination.
Result<> set_source(int fd, const ConnectOptions& options, io::TimePoint now) {
  const bool is_v4 = options.to.ip.is_v4();
  if (options.source->is_v4() != is_v4) {
    return fail(Errc::config, "the source " + to_string(*options.source) +
                                  " is of another address family than the destination");
  }
  if (options.transparent) {
    const int level = is_v4 ? IPPROTO_IP : IPPROTO_IPV6;
    TRY_VOID(set_option(fd, level, is_v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, 1,
                        "IP_TRANSPARENT (needs CAP_NET_ADMIN)"));
    TRY_VOID(set_option(fd, level, is_v4 ? IP_FREEBIND : IPV6_FREEBIND, 1, "IP_FREEBIND"));
  }
  // These two are options of IPPROTO_IP for both families.
  TRY_VOID(set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1, "IP_BIND_ADDRESS_NO_PORT"));
  if (options.source_ports) {
    const PortRange ports = *options.source_ports;
    CULVERT_ASSERT(ports.low != 0 && ports.low <= ports.high);
    const std::uint32_t range = ports.low | static_cast<std::uint32_t>(ports.high) << 16;
    auto ranged = set_option(fd, IPPROTO_IP, kIpLocalPortRange, static_cast<int>(range),
                             "IP_LOCAL_PORT_RANGE");
    if (!ranged && ranged.error().sys == ENOPROTOOPT) {
      return bind_in_range(fd, *options.source, ports, now);
    }
    TRY_VOID(std::move(ranged));
  }
  return bind_to(fd, {*options.source, 0});
}

}  // namespace
}  // namespace culvert::net
