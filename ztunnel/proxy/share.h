// Share: what one worker serves, on whatever loop: its share of all pods' connections, with what it
// knows of the mesh, and the drain that ends it. A worker gives it a thread; the simulation does
// not.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ztunnel/lib/io/loop.h"
#include "ztunnel/proxy/network.h"
#include "ztunnel/proxy/pod_proxy.h"

namespace culvert::proxy {

// All calls are made on the loop's thread.
class Share {
 public:
  // The share counts in its own part of `metrics`, which must outlive it.
  Share(io::Loop& loop, Network& network, obs::Metrics& metrics, std::uint64_t seed);
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;

  void set_snapshot(policy::SnapshotPtr snapshot);
  void set_identity(const SpiffeId& id, IdentityPtr identity);  // null removes it
  void put_pod(PodPtr pod);                                     // new, or with new listeners
  void remove_pod(const std::string& uid);

  // drain stops accepting, says GOAWAY, lets connections end for at most `limit`, then cuts the
  // rest; the first call counts. It begins at once, and live() ends with it.
  void drain(io::Duration limit);

  // live serves until a drain has ended; needed before destruction.
  io::Task<> live();

  std::vector<LiveConnection> connections() const { return tracker_.connections(); }

 private:
  io::Task<> look_after_connections();
  io::Task<> retire(std::unique_ptr<PodProxy> pod);
  io::Task<> drain_pods();

  io::Loop& loop_;
  MeshView mesh_;
  Tracker tracker_;
  Rng rng_;
  Offences offences_;
  Context context_;
  std::uint64_t policy_generation_ = 0;
  std::map<std::string, std::unique_ptr<PodProxy>> pods_;  // by uid
  io::Duration drain_limit_{};
  io::Scope scope_;
};

}  // namespace culvert::proxy
