// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/net/tcp.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "ztunnel/lib/base/rng.h"
#include "ztunnel/lib/io/timeout.h"
#include "ztunnel/lib/net/netns.h"

namespace culvert::net {
namespace {

// How many source ports of a range are tried: with half of the range taken, all would be taken once
// in 2^64 connects.
constexpr std::uint64_t kPortAttemptsMax = 64;

Result<> set_option(int fd, int level, int name, int value, std::string_view what);
Result<> set_source(int fd, const ConnectOptions& options, std::uint16_t port);
Result<> bind_to(int fd, const SocketAddress& address);

Result<Fd> make_socket(const ConnectOptions& options, std::uint16_t source_port) {
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
    TRY_VOID(set_source(socket.get(), options, source_port));
  }
  return socket;
}

// The port to try first: anywhere in the range, and another one for connects of the same turn.
std::uint64_t first_port(const io::Loop& loop, const ConnectOptions& options) {
  const auto now = static_cast<std::uint64_t>(loop.now().time_since_epoch().count());
  Rng rng(now ^ reinterpret_cast<std::uintptr_t>(&options));
  return rng.next();
}

io::Task<Fd> connect_socket(io::Loop& loop, const ConnectOptions& options) {
  if (!options.source || !options.source_ports) {
    Fd socket = co_await make_socket(options, 0);
    co_await loop.connect(socket.get(), options.to);
    co_return socket;
  }
  const PortRange ports = *options.source_ports;
  CULVERT_ASSERT(ports.low != 0 && ports.low <= ports.high);
  const std::uint64_t count = static_cast<std::uint64_t>(ports.high - ports.low) + 1;
  const std::uint64_t first = first_port(loop, options);
  for (std::uint64_t i = 0; i < std::min(count, kPortAttemptsMax); ++i) {
    auto socket = make_socket(options, static_cast<std::uint16_t>(ports.low + (first + i) % count));
    if (!socket && socket.error().sys == EADDRINUSE) {
      continue;  // somebody listens on this port
    }
    if (!socket) {
      co_return std::move(socket);
    }
    auto connected = co_await as_result(loop.connect(socket->get(), options.to));
    if (!connected && connected.error().sys == EADDRNOTAVAIL) {
      continue;  // this port already has a connection to this destination
    }
    co_await std::move(connected);
    co_return std::move(*socket);
  }
  co_return fail(Errc::limit, "no free source port in " + std::to_string(ports.low) + "-" +
                                  std::to_string(ports.high));
}

}  // namespace

io::Task<std::unique_ptr<SocketStream>> connect_tcp(io::Loop& loop, ConnectOptions options) {
  const std::string what = "connect " + to_string(options.to);
  auto socket = co_await as_result(
      io::with_timeout(loop, options.timeout, what, connect_socket(loop, options)));
  if (!socket) {
    Error error = std::move(socket).error();
    if (error.code == Errc::timed_out && error.sys == 0) {
      co_return fail(std::move(error));  // the deadline's, which has the name already
    }
    if (error.context.starts_with("connect: ")) {
      co_return fail_errno(error.sys, what);
    }
    co_return fail(prefixed(what, std::move(error)));
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

Result<> check_listener(int fd) {
  int listens = 0;
  socklen_t size = sizeof(listens);
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens != 1) {
    return fail(Errc::protocol, "the descriptor is no socket that listens");
  }
  return {};
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
  set(IPPROTO_TCP, TCP_NOTSENT_LOWAT, kUnsentBytesMax);
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

// The source address and, as late as the connect, its port: a port taken by bind() would be unique
// per address, where a connection's need only be unique per destination. A port of our choice needs
// SO_REUSEADDR for the same freedom.
Result<> set_source(int fd, const ConnectOptions& options, std::uint16_t port) {
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
  if (port != 0) {
    TRY_VOID(set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR"));
  } else {  // an option of IPPROTO_IP for both families
    TRY_VOID(set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1, "IP_BIND_ADDRESS_NO_PORT"));
  }
  return bind_to(fd, {*options.source, port});
}

}  // namespace
}  // namespace culvert::net
