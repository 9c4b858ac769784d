// Tracker: the live connections of one worker. Policies that change are asked again about each
// inbound one; the metrics and `connections` read it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <list>
#include <string>
#include <vector>

#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/obs/metrics.h"
#include "ztunnel/lib/policy/snapshot.h"
#include "ztunnel/proxy/connection.h"

namespace culvert::proxy {

// LiveConnection is what `connections` shows of one.
struct LiveConnection {
  std::string pod_uid;
  obs::Direction direction = obs::Direction::outbound;
  SocketAddress src;
  SocketAddress original_dst;
  SocketAddress actual_dst;
  bool hbone = false;
};

class Tracker {
 public:
  Tracker(io::Loop& loop, obs::TcpMetrics& metrics) : loop_(loop), metrics_(metrics) {}
  Tracker(const Tracker&) = delete;
  Tracker& operator=(const Tracker&) = delete;
  ~Tracker();

  // recheck ends every inbound connection that `snapshot` denies. The destination's record is
  // looked up anew, so a policy that has just been attached counts too (istio's ztunnel keeps the
  // old one).
  void recheck(const policy::Snapshot& snapshot);

  // look_after adds the bytes of live connections to the metrics, and ends those of which one side
  // is gone and the other does nothing (kBrokenSideLinger). Call it every kTrackerInterval.
  void look_after();

  std::vector<LiveConnection> connections() const;
  std::size_t size() const { return connections_.size(); }

  io::Loop& loop() const { return loop_; }
  obs::TcpMetrics& metrics() const { return metrics_; }

 private:
  friend class Connection;
  io::Loop& loop_;
  obs::TcpMetrics& metrics_;
  std::list<Connection*> connections_;
};

}  // namespace culvert::proxy
