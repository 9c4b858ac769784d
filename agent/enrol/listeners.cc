// SPDX-License-Identifier: Apache-2.0
#include "agent/enrol/listeners.h"

#include <cerrno>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "agent/enrol/netns.h"
#include "bpf/include/culvert_abi.h"

namespace culvert::enrol {

namespace {

struct Option {
  int level;
  int name;
  const char* what;
};

// Binds and listens; the address is [::] or 0.0.0.0 by the socket's family.
Result<Fd> listen_on(int family, std::uint16_t port);
Result<> set_options(const Fd& socket, int family);
// [::] where the pod has IPv6 (one socket serves both families), else 0.0.0.0.
int listening_family();

}  // namespace

Result<Listeners> make_listeners(int netns_fd) {
  TRY(const auto visit, NetnsVisit::enter(netns_fd));
  const int family = listening_family();
  Listeners listeners;
  TRY(listeners.outbound, listen_on(family, CULVERT_PORT_OUTBOUND));
  TRY(listeners.inbound, listen_on(family, CULVERT_PORT_INBOUND));
  TRY(listeners.hbone, listen_on(family, CULVERT_PORT_HBONE));
  return listeners;
}

namespace {

int listening_family() {
  const Fd probe(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return probe ? AF_INET6 : AF_INET;
}

Result<Fd> listen_on(int family, std::uint16_t port) {
  Fd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  if (!socket) {
    return fail_errno(errno, fmt::format("make the listener on port {}", port));
  }
  TRY_VOID(set_options(socket, family));

  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  const bool is_six = family == AF_INET6;
  const auto* address =
      is_six ? reinterpret_cast<const sockaddr*>(&six) : reinterpret_cast<const sockaddr*>(&four);
  if (::bind(socket.get(), address, is_six ? sizeof six : sizeof four) != 0 ||
      ::listen(socket.get(), kListenBacklog) != 0) {
    if (errno == EADDRINUSE) {
      return fail(
          Error{.code = Errc::limit,
                .sys = EADDRINUSE,
                .context = fmt::format("port {} is in use in the pod: the mesh needs it, move the "
                                       "application to another port",
                                       port)});
    }
    return fail_errno(errno, fmt::format("listen on port {} in the pod", port));
  }
  return socket;
}

Result<> set_options(const Fd& socket, int family) {
  const bool is_six = family == AF_INET6;
  const int on = 1;
  const int off = 0;
  if (is_six && ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) {
    return fail_errno(errno, "make a listener dual-stack");
  }
  // IP_TRANSPARENT is one flag of the socket; either level sets it for both families.
  const Option options[] = {
      {SOL_SOCKET, SO_REUSEADDR, "let a listener follow connections in TIME-WAIT"},
      {SOL_SOCKET, SO_REUSEPORT, "let a listener share its port with its successor"},
      {is_six ? IPPROTO_IPV6 : IPPROTO_IP, is_six ? IPV6_TRANSPARENT : IP_TRANSPARENT,
       "make a listener transparent (CAP_NET_ADMIN or CAP_NET_RAW)"},
  };
  for (const auto& option : options) {
    if (::setsockopt(socket.get(), option.level, option.name, &on, sizeof on) != 0) {
      return fail_errno(errno, option.what);
    }
  }
  return {};
}

}  // namespace

}  // namespace culvert::enrol
