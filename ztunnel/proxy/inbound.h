// Inbound: the life of a tunnel that a peer opened to a pod, of each stream in it, and of a
// plaintext connection to the pod.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ztunnel/lib/io/task.h"
#include "ztunnel/proxy/context.h"

namespace culvert::proxy {

// serve_tunnel accepts TLS and HTTP/2 on a connection to port 15008 and serves its streams until
// the peer ends it or the drain does. Fails only by cancellation.
io::Task<> serve_tunnel(Context& context, PodPtr pod, Accepted accepted);

// serve_plaintext carries a connection that came to the pod without a tunnel, if policy lets
// somebody without an identity in. Fails only by cancellation.
io::Task<> serve_plaintext(Context& context, PodPtr pod, Accepted accepted);

}  // namespace culvert::proxy
