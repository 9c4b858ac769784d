// SPDX-License-Identifier: Apache-2.0
#include "agent/enrol/netlink.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace culvert::enrol {

namespace {

int call_visit(const nlmsghdr* message, void* visit) {
  (*static_cast<const std::function<void(const nlmsghdr*)>*>(visit))(message);
  return MNL_CB_OK;
}

}  // namespace

Result<Netlink> Netlink::open() {
  mnl_socket* socket = ::mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
  if (socket == nullptr) {
    return fail_errno(errno, "open a netlink socket");
  }
  Netlink netlink(socket);
  if (::mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) != 0) {
    return fail_errno(errno, "bind a netlink socket");
  }
  return netlink;
}

Result<> Netlink::request(nlmsghdr* message, std::string_view what) {
  message->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
  return exchange(message, what, [](const nlmsghdr*) {});
}

Result<> Netlink::dump(nlmsghdr* message, std::string_view what,
                       const std::function<void(const nlmsghdr*)>& visit) {
  message->nlmsg_flags |= NLM_F_REQUEST | NLM_F_DUMP;
  return exchange(message, what, visit);
}

Result<> Netlink::exchange(nlmsghdr* message, std::string_view what,
                           const std::function<void(const nlmsghdr*)>& visit) {
  message->nlmsg_seq = ++sequence_;
  if (::mnl_socket_sendto(socket_.get(), message, message->nlmsg_len) < 0) {
    return fail_errno(errno, what);
  }
  alignas(nlmsghdr) std::array<char, 32768> buffer;  // 32 KiB: the largest chunk of a dump
  const auto port = ::mnl_socket_get_portid(socket_.get());
  for (;;) {
    const auto length = ::mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
    if (length < 0) {
      return fail_errno(errno, what);
    }
    const int state =
        ::mnl_cb_run(buffer.data(), static_cast<std::size_t>(length), sequence_, port, call_visit,
                     const_cast<std::function<void(const nlmsghdr*)>*>(&visit));
    if (state == MNL_CB_ERROR) {
      return fail_errno(errno, what);
    }
    if (state == MNL_CB_STOP) {
      return {};
    }
  }
}

}  // namespace culvert::enrol
