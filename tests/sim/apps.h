// The applications of the simulated mesh: both ends of a flow, as their plans say.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "tests/sim/stage.h"

namespace culvert::sim {

// run_client connects, plays its side of `flow`, and notes what it saw.
io::Task<> run_client(Stage& stage, Flow& flow);

// run_server plays the side of whatever flow comes in on `stream`; the proxy says that `caller`
// calls `who`.
io::Task<> run_server(Stage& stage, std::size_t caller, std::size_t who,
                      std::unique_ptr<net::Stream> stream);

}  // namespace culvert::sim
