// Agent: wiring. Makes the parts of the agent, gives each what it needs, and runs them on one loop.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/config.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::agent {

// run_agent runs until SIGTERM or SIGINT, then leaves all kernel state as it is: pods stay
// captured, and the next agent adopts them. With --drain it lets all pods of this node leave the
// mesh instead, with those of other nodes, and ends. Fails with one sentence when it can't start.
Result<> run_agent(const Config& config);

}  // namespace culvert::agent
