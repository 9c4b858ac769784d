// Network: how the proxy reaches the world from inside a pod's netns. The kernel one is in
// kernel_network.cc; the simulation has another.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/io/task.h"
#include "ztunnel/lib/net/stream.h"
#include "ztunnel/proxy/pod.h"

namespace culvert::proxy {

// A connection that was taken from a listener, with the addresses that it has in the pod.
struct Accepted {
  std::unique_ptr<net::Stream> stream;
  SocketAddress peer;
  SocketAddress local;  // for captured ones this is the original destination
};

class Network {
 public:
  virtual ~Network() = default;

  // accept waits for the next connection at a listener of `pod`.
  virtual io::Task<Accepted> accept(PodPtr pod, Role role) = 0;

  // deliver connects to the application of `pod` at `to`, which is the pod's own address, as if
  // `client` connected; without spoofing if `client` is the pod's own address (a hairpin).
  virtual io::Task<std::unique_ptr<net::Stream>> deliver(PodPtr pod, SocketAddress to,
                                                         IpAddress client) = 0;

  // dial connects from the pod to the outside, from its address `source`.
  virtual io::Task<std::unique_ptr<net::Stream>> dial(PodPtr pod, SocketAddress to,
                                                      IpAddress source) = 0;
};

}  // namespace culvert::proxy
