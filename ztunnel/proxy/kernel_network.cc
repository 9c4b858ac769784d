// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/proxy/kernel_network.h"

#include "bpf/include/culvert_abi.h"
#include "ztunnel/lib/net/tcp.h"
#include "ztunnel/proxy/limits.h"

namespace culvert::proxy {

io::Task<Accepted> KernelNetwork::accept(PodPtr pod, Role role) {
  auto stream = co_await net::accept_tcp(loop_, pod->listener(role));
  const auto peer = co_await stream->peer_address();
  const auto local = co_await stream->local_address();
  co_return Accepted{std::move(stream), peer, local};
}

io::Task<std::unique_ptr<net::Stream>> KernelNetwork::deliver(PodPtr pod, SocketAddress to,
                                                              IpAddress client) {
  net::ConnectOptions options{.to = to, .netns = pod->netns.get(), .timeout = kConnectTimeout};
  // A hairpin is not spoofed: replies to the pod's own address would not come back through lo
  // (redirection-facts X25), and remote == local passes steer anyway.
  if (client != to.ip) {
    options.source = client;
    options.transparent = true;
    options.source_ports = {{CULVERT_DELIVERY_PORT_MIN, CULVERT_DELIVERY_PORT_MAX}};
    options.mark = CULVERT_MARK_DELIVERY;
    options.bind_device = "lo";
  }
  co_return co_await net::connect_tcp(loop_, std::move(options));
}

io::Task<std::unique_ptr<net::Stream>> KernelNetwork::dial(PodPtr pod, SocketAddress to,
                                                           IpAddress source) {
  // Our sockets pass capture by their cgroup, so no mark is needed.
  co_return co_await net::connect_tcp(
      loop_, {.to = to, .source = source, .netns = pod->netns.get(), .timeout = kConnectTimeout});
}

}  // namespace culvert::proxy
