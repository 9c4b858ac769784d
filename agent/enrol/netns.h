// A thread's visit to another network namespace, and the names by which the kernel knows one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "ztunnel/lib/base/fd.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::enrol {

// NetnsVisit puts the calling thread into a netns and takes it back when destroyed. Sockets made
// and /proc/sys/net files opened meanwhile belong to the visited one. No suspension, no second
// thread and no callback in between; a thread that can't return home aborts.
class NetnsVisit {
 public:
  static Result<NetnsVisit> enter(int netns_fd);

  NetnsVisit(NetnsVisit&&) noexcept = default;
  NetnsVisit& operator=(NetnsVisit&&) = delete;
  ~NetnsVisit();

 private:
  explicit NetnsVisit(Fd home) : home_(std::move(home)) {}
  Fd home_;
};

// netns_cookie gives the number that is never reused during a boot (SO_NETNS_COOKIE), the key of a
// pod in the kernel's maps.
Result<std::uint64_t> netns_cookie(int netns_fd);

// netns_inode gives the inode of a netns, as `ls -i /proc/PID/ns/net` shows it; fails with `config`
// if the descriptor is not one of a network namespace.
Result<std::uint64_t> netns_inode(int netns_fd);

}  // namespace culvert::enrol
