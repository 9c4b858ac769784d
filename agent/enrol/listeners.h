// The three listening sockets that a pod's connections are steered to. The agent makes and holds
// them and gives ztunnel copies, so that the kernel goes on queueing connections while ztunnel is
// away.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ztunnel/lib/base/fd.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::enrol {

// 1024: what may queue up per role while ztunnel restarts (200 connects a second for 5 s); the
// kernel lowers it to net.core.somaxconn of the pod, 4096 by default.
inline constexpr int kListenBacklog = 1024;

struct Listeners {
  Fd outbound;  // CULVERT_PORT_OUTBOUND
  Fd inbound;   // CULVERT_PORT_INBOUND, plaintext
  Fd hbone;     // CULVERT_PORT_HBONE
};

// make_listeners opens [::] (dual-stack; 0.0.0.0 where the pod has no IPv6) sockets in the netns:
// IP_TRANSPARENT, or a SYN-ACK from a foreign address is refused; SO_REUSEPORT, so that an agent
// that restarts can make fresh ones while ztunnel still drains the old; non-blocking. Fails with
// `limit` or `io` and a sentence that names the port, e.g. when the application listens there.
Result<Listeners> make_listeners(int netns_fd);

}  // namespace culvert::enrol
