// KernelNetwork: the real Network, on sockets in the pods' netns.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ztunnel/lib/io/loop.h"
#include "ztunnel/proxy/network.h"

namespace culvert::proxy {

class KernelNetwork final : public Network {
 public:
  explicit KernelNetwork(io::Loop& loop) : loop_(loop) {}

  io::Task<Accepted> accept(PodPtr pod, Role role) override;
  io::Task<std::unique_ptr<net::Stream>> deliver(PodPtr pod, SocketAddress to,
                                                 IpAddress client) override;
  io::Task<std::unique_ptr<net::Stream>> dial(PodPtr pod, SocketAddress to,
                                              IpAddress source) override;

 private:
  io::Loop& loop_;
};

}  // namespace culvert::proxy
