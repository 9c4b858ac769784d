// Sockets inside another network namespace, made without living there.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "ztunnel/lib/base/fd.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::net {

// socket_in_netns makes a non-blocking, close-on-exec socket in the netns of the descriptor `netns`
// (-1: in the calling thread's own). It is a plain socket() between two setns() calls on the
// calling thread; an io_uring SOCKET could run on a kernel worker in another netns. Fails with `io`
// (no CAP_SYS_ADMIN, or not a netns) or `limit`. Aborts if the thread can't go back to its own
// netns: whatever it did next would be in a pod's name. Does not suspend.
Result<Fd> socket_in_netns(int netns, int domain, int type);

// open_netns opens a netns by path, such as /proc/1/ns/net or /run/netns/a.
Result<Fd> open_netns(const std::string& path);

// check_netns fails with `protocol` when `fd` is open but no network namespace.
Result<> check_netns(int fd);

}  // namespace culvert::net
