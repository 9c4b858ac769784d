// Worker: one thread with one loop, that serves its share of all pods' connections. Connections
// never migrate. Other threads speak to it by posted messages only.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ztunnel/lib/io/loop.h"
#include "ztunnel/proxy/kernel_network.h"
#include "ztunnel/proxy/share.h"

namespace culvert::proxy {

class Worker {
 public:
  // The thread starts at once. The worker takes a share of `metrics`, which must outlive it.
  Worker(std::unique_ptr<io::Loop> loop, obs::Metrics& metrics, std::uint64_t seed);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();  // cuts what drain() has not ended; joins the thread

  // All of these may be called from any thread and return at once; they act in the order of the
  // calls.
  void set_snapshot(policy::SnapshotPtr snapshot);
  void set_identity(SpiffeId id, IdentityPtr identity);  // null removes it
  void put_pod(PodPtr pod);                              // new, or with new listeners
  void remove_pod(std::string uid);

  // drain stops accepting, says GOAWAY, lets connections end for at most `limit`, then cuts the
  // rest, and ends the thread. `drained` is called at the end, on the worker's thread.
  void drain(io::Duration limit, std::function<void()> drained);

  // connections calls `receive` on the worker's thread with what lives now.
  void connections(std::function<void(std::vector<LiveConnection>)> receive);

 private:
  void run();
  io::Task<> live();

  std::unique_ptr<io::Loop> loop_;
  KernelNetwork network_;
  Share share_;
  std::function<void()> drained_;
  std::thread thread_;
};

}  // namespace culvert::proxy
