// SPDX-License-Identifier: Apache-2.0
#include "agent/signals.h"

#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>

namespace culvert::agent {

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

}  // namespace culvert::agent
