// Warnings: the Events that say why a pod is not in the mesh, each once in a while and never many
// at a time: the API server is everybody's.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <string>

#include "agent/cluster/cluster_writer.h"
#include "ztunnel/lib/io/event.h"
#include "ztunnel/lib/io/loop.h"

namespace culvert::cluster {

// 10 min: the same sentence on the same pod comes again when it still holds; Events live an hour.
inline constexpr io::Duration kWarnAgain = std::chrono::minutes(10);
// 1 s: between two Events of this node.
inline constexpr io::Duration kWarnPause = std::chrono::seconds(1);
// 256: Events that wait; more than a node has pods. What comes beyond is told at its next failure.
inline constexpr std::size_t kWarningsMax = 256;

class Warnings {
 public:
  Warnings(io::Loop& loop, ClusterWriter& writer) : loop_(loop), writer_(writer) {}

  // warn says so on the pod, unless it was said lately.
  void warn(const mesh::LocalPod& pod, const std::string& sentence);

  // run writes what waits, until it is cancelled. One that can't be written is logged and comes
  // again with its next failure.
  io::Task<> run();

 private:
  struct Warning {
    mesh::LocalPod pod;
    std::string sentence;
  };
  using Key = std::pair<std::string, std::string>;  // uid, sentence

  io::Loop& loop_;
  ClusterWriter& writer_;
  std::deque<Warning> waiting_;
  std::map<Key, io::TimePoint> told_;  // or waiting
  io::Event added_;
};

}  // namespace culvert::cluster
