// Redirection: keeps the annotation of this node's pods. Others open tunnels to exactly the pods
// that carry it, and talk to all others in plaintext; so it stands before a pod's first process
// runs, and stays through whatever restarts for as long as the pod belongs in the mesh.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/cluster/cluster_writer.h"
#include "ztunnel/lib/io/event.h"
#include "ztunnel/lib/io/loop.h"

namespace culvert::cluster {

// 5 s: after a write that failed, the next one waits.
inline constexpr io::Duration kWriteAgain = std::chrono::seconds(5);
// 10 s: how long un-enrolment waits for the API server to take the annotation away. Who reads a
// stale one meets a closed port afterwards; without a limit a label could not be removed while no
// API server answers.
inline constexpr io::Duration kWithdrawWithin = std::chrono::seconds(10);
// 6 s: how long a pod's start waits for its annotation: for one write that failed and the next.
inline constexpr io::Duration kMarkWithin = std::chrono::seconds(6);
// 2 s: how long a change of a pod takes to all other nodes: a watch event, a translation, a push.
inline constexpr io::Duration kSpreadTime = std::chrono::seconds(2);
// 30 s: how long a pod waits for those of other nodes that leave with it; a node that is down has
// annotations that nobody takes away.
inline constexpr io::Duration kTogetherWithin = std::chrono::seconds(30);
// 30 s: how long our own write counts where the source still shows what was before.
inline constexpr io::Duration kWriteTrusted = std::chrono::seconds(30);

// MarkedPod is one pod of this node as the source shows it.
struct MarkedPod {
  mesh::LocalPod pod;
  bool marked = false;  // it carries the annotation
  bool wanted = false;  // it should
};

class Redirection {
 public:
  // `writer` must outlive the tasks.
  Redirection(io::Loop& loop, ClusterWriter& writer) : loop_(loop), writer_(writer) {}

  // set takes all pods of this node anew. A write that the source does not show yet is not made
  // twice. While `others_leave` no withdrawal ends: pods of other nodes leave with those of this
  // one, and some of them carry the annotation still.
  void set(const std::vector<MarkedPod>& pods, bool others_leave = false);

  // run writes what differs, until it is cancelled.
  io::Task<> run();

  // mark and withdraw are for enrol::PodNotices: one waits until the annotation is written, the
  // other until it is taken away and others know. `pod` must be of those that were set.
  io::Task<> mark(mesh::LocalPod pod);
  io::Task<> withdraw(mesh::LocalPod pod);

 private:
  struct Pod {
    mesh::LocalPod spec;
    bool shown = false;   // by the source
    bool marked = false;  // as we know it: by the source, or by our own later write
    bool wanted = false;
    io::TimePoint written{};
  };
  io::Task<bool> write(mesh::LocalPod pod);
  io::Task<> until_marked(std::string uid, bool marked);
  io::Task<> until_others_left();
  // tell wants it so and waits `within` for it; false, and a warning, if that was not enough.
  io::Task<bool> tell(const mesh::LocalPod& pod, bool marked, io::Duration within,
                      const char* warning);
  // in_time waits `within` for `wanted`; false, and a warning about `pod`, if that was not enough.
  io::Task<bool> in_time(io::Duration within, const char* what, io::Task<> wanted,
                         const char* warning, const mesh::LocalPod& pod);

  io::Loop& loop_;
  ClusterWriter& writer_;
  std::map<std::string, Pod> pods_;
  bool others_leave_ = false;
  io::Event changed_;  // both
  io::Event written_;
};

}  // namespace culvert::cluster
