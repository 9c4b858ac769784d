// The signals that end the agent, as a descriptor for its loop.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ztunnel/lib/base/fd.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::agent {

// block_signals keeps SIGTERM and SIGINT for the loop; before any thread is made.
Result<Fd> block_signals();

}  // namespace culvert::agent
