// SPDX-License-Identifier: Apache-2.0
#include "agent/enrol/netns.h"

#include <cerrno>

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "ztunnel/lib/base/assert.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71  // asm-generic/socket.h of Linux 5.14
#endif

namespace culvert::enrol {

Result<NetnsVisit> NetnsVisit::enter(int netns_fd) {
  // The thread's own namespace, which is not the process's when another visit is under way.
  Fd home(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!home) {
    return fail_errno(errno, "open this thread's network namespace");
  }
  if (::setns(netns_fd, CLONE_NEWNET) != 0) {
    return fail_errno(errno, "enter the pod's network namespace");
  }
  return NetnsVisit(std::move(home));
}

NetnsVisit::~NetnsVisit() {
  if (home_) {
    // Going on in a pod's namespace would open the agent's next sockets there.
    CULVERT_ASSERT(::setns(home_.get(), CLONE_NEWNET) == 0);
  }
}

Result<std::uint64_t> netns_cookie(int netns_fd) {
  TRY(const auto visit, NetnsVisit::enter(netns_fd));
  const Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) != 0) {
    return fail_errno(errno, "read the cookie of the pod's network namespace");
  }
  return cookie;
}

Result<std::uint64_t> netns_inode(int netns_fd) {
  struct stat node{};
  struct statfs fs{};
  if (::fstat(netns_fd, &node) != 0 || ::fstatfs(netns_fd, &fs) != 0) {
    return fail_errno(errno, "look at a network namespace");
  }
  if (fs.f_type != NSFS_MAGIC) {
    return fail(Errc::config,
                "the descriptor is not one of a network namespace: pass an open "
                "/proc/PID/ns/net or /run/netns/NAME");
  }
  return node.st_ino;
}

}  // namespace culvert::enrol
