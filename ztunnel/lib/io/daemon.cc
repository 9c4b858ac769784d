// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/io/daemon.h"

#include <sys/random.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>

#include "ztunnel/lib/base/assert.h"

namespace culvert::io {

Result<Fd> block_signals() {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGINT);
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &wanted, nullptr); error != 0) {
    return fail_errno(error, "block SIGTERM");
  }
  std::signal(SIGPIPE, SIG_IGN);
  Fd fd(::signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) {
    return fail_errno(errno, "make a signalfd");
  }
  return fd;
}

std::uint64_t kernel_seed() {
  std::uint64_t value = 0;
  // So few bytes are given whole, and the kernel's pool is ready before any process of ours.
  CULVERT_ASSERT(::getrandom(&value, sizeof(value), 0) == sizeof(value));
  return value;
}

}  // namespace culvert::io
