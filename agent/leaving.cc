// SPDX-License-Identifier: Apache-2.0
#include "agent/leaving.h"

#include "ztunnel/lib/obs/log.h"

namespace culvert::agent {

namespace {

constexpr io::Duration kPause = std::chrono::milliseconds(20);

}  // namespace

io::Task<> Leaving::run() {
  obs::log(obs::Level::info, "agent", "this node leaves the mesh");
  co_await wait(agent_.is_heard, kHeardWithin);

  lifts_policies_ = true;
  agent_.translate();
  co_await wait(agent_.is_heard, kHeardWithin);

  takes_pods_out_ = true;
  agent_.translate();
  co_await wait(agent_.is_empty, kLeaveWithin);
}

io::Task<> Leaving::wait(std::function<bool()> until, io::Duration within) {
  const auto deadline = loop_.now() + within;
  while (!until() && loop_.now() < deadline) {
    co_await loop_.sleep(kPause);
  }
}

}  // namespace culvert::agent
