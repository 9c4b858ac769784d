// ZdsClient: asks the node's agent which pods are ours and keeps asking for the life of the
// process. Knows the protocol's order; what a pod needs is done by the PodKeeper.
// Source of truth: wire-facts §5.2; ztunnel src/inpod/{statemanager,workloadmanager}.rs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ztunnel/lib/base/fd.h"
#include "ztunnel/lib/control/zds.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/io/task.h"
#include "ztunnel/lib/net/unix.h"

namespace culvert::proxy {

// ZdsPod is one Add: the pod's netns, and its listeners if the agent makes them (ours does, Istio's
// CNI agent does not): outbound, inbound, HBONE.
struct ZdsPod {
  std::string uid;
  control::ZdsWorkload workload;
  Fd netns;
  std::optional<std::array<Fd, 3>> listeners;
};

// PodKeeper serves the pods that ZDS names. Each failure is what the acknowledgement says, and the
// session goes on. The agent waits control::kZdsAnswerWithin for it. One call runs at a time.
class PodKeeper {
 public:
  virtual ~PodKeeper() = default;
  // add starts to serve the pod. Same uid again: take over the new listeners, drain the old ones.
  virtual io::Task<> add(ZdsPod pod) = 0;
  // remove drains and forgets the pod; an unknown one is no failure.
  virtual io::Task<> remove(std::string uid) = 0;
  // keep_only comes when the agent has named all pods: forget the others. Ready from here on.
  virtual io::Task<> keep_only(std::set<std::string> uids) = 0;
};

class ZdsClient {
 public:
  // Reconnects after 10 ms, doubled up to 500 ms; a session that got its snapshot starts afresh.
  // Not up to Istio's 15 s: an agent that is back puts fresh listeners into the slots, and until we
  // have heard of them their connections wait. A refused connect to a unix socket costs nothing.
  static constexpr io::Duration kBackoffMin = std::chrono::milliseconds(10);
  static constexpr io::Duration kBackoffMax = std::chrono::milliseconds(500);

  // A session that was synced for less than this counts as one that failed: an agent that breaks
  // the protocol after each snapshot must not make us take all pods anew a hundred times a second.
  static constexpr io::Duration kSettledAfter = std::chrono::seconds(1);
  // Pods that an agent may name before its snapshot is complete; Kubernetes has 110 a node, tuned
  // ones some 500.
  static constexpr std::size_t kPodsMax = 10'000;

  enum class State : std::uint8_t { disconnected, connected, synced };

  // `on_lost` is told of each session that ended. For metrics.
  ZdsClient(
      io::Loop& loop, std::string socket_path, PodKeeper& keeper,
      std::function<void()> on_lost = [] {})
      : loop_(loop),
        socket_path_(std::move(socket_path)),
        keeper_(keeper),
        on_lost_(std::move(on_lost)) {}

  // run connects, serves the session and connects again; ends only by cancellation.
  io::Task<> run();

  State state() const { return state_; }

 private:
  io::Task<> session();
  io::Task<std::string> answer(net::Message message);  // the acknowledgement's error
  Result<> mention(const control::ZdsRequest& request);
  Result<ZdsPod> to_pod(control::ZdsAdd add, std::vector<Fd> fds) const;

  io::Loop& loop_;
  std::string socket_path_;
  PodKeeper& keeper_;
  std::function<void()> on_lost_;
  State state_ = State::disconnected;
  io::TimePoint synced_at_{};
  std::set<std::string> mentioned_;  // in this session, until its snapshot is complete
};

}  // namespace culvert::proxy
