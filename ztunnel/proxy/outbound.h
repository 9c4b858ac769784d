// Outbound: the life of a connection that an application of an enrolled pod opened.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ztunnel/lib/io/task.h"
#include "ztunnel/proxy/context.h"
#include "ztunnel/proxy/pool.h"

namespace culvert::proxy {

// serve_outbound carries `accepted`, whose local address is the original destination, to where the
// mesh says (policy/route.h) until it ends. What went wrong is logged and counted here; the
// application then sees a reset. Fails only by cancellation.
io::Task<> serve_outbound(Context& context, Pool& pool, PodPtr pod, Accepted accepted);

}  // namespace culvert::proxy
