// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/net/netns.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>

#include "ztunnel/lib/base/assert.h"

namespace culvert::net {
namespace {

// The netns that the calling thread lives in: opened once a thread, because opening it for every
// socket would cost a path walk.
const Fd& own_netns() {
  thread_local const Fd own(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  return own;
}

}  // namespace

Result<Fd> socket_in_netns(int netns, int domain, int type) {
  const int flags = type | SOCK_NONBLOCK | SOCK_CLOEXEC;
  if (netns < 0) {
    Fd socket(::socket(domain, flags, 0));
    if (!socket) {
      return fail_errno(errno, "socket");
    }
    return socket;
  }
  const Fd& own = own_netns();
  if (!own) {
    return fail_errno(errno, "open /proc/thread-self/ns/net");
  }
  if (::setns(netns, CLONE_NEWNET) != 0) {
    return fail_errno(errno, "enter the pod's netns (needs CAP_SYS_ADMIN)");
  }
  Fd socket(::socket(domain, flags, 0));
  const int error = errno;
  CULVERT_ASSERT(::setns(own.get(), CLONE_NEWNET) == 0);
  if (!socket) {
    return fail_errno(error, "socket in the pod's netns");
  }
  return socket;
}

Result<Fd> open_netns(const std::string& path) {
  Fd netns(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!netns) {
    return fail_errno(errno, "open netns " + path);
  }
  return netns;
}

Result<> check_netns(int fd) {
  if (::ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
    return fail(Errc::protocol, "the descriptor is no network namespace");
  }
  return {};
}

}  // namespace culvert::net
