// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/io/sim_loop.h"

#include <cerrno>

namespace culvert::io {

void SimLoop::submit(Op& op) {
  op.finished(-EOPNOTSUPP);
}

void SimLoop::cancel(Op&) {
  CULVERT_ASSERT(false);  // submit leaves none pending
}

bool SimLoop::wait(std::optional<Duration> timeout) {
  const bool woken = std::exchange(woken_, false);
  if (woken) {
    return true;
  }
  if (timeout) {
    time_ += *timeout;
  }
  return timeout.has_value();
}

void SimLoop::suspended(Leaf&) {
  if (suspensions_++ == cancel_at_ && scope_ != nullptr) {
    scope_->cancel();
  }
}

}  // namespace culvert::io
