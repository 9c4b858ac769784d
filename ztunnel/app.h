// App: culvert-ztunnel put together. Wiring only: what the parts do is in their rooms.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ztunnel/config.h"

namespace culvert::ztunnel {

// run_app starts all parts, serves until SIGTERM, SIGINT or POST /quitquitquit, drains, and returns
// the exit status. Failures to start are one sentence on stderr and status 1.
int run_app(const Config& config);

}  // namespace culvert::ztunnel
