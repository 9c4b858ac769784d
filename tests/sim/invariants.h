// What must be true of every flow when a run is over.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/sim/stage.h"

namespace culvert::sim {

// check_flows looks at each flow and the access log, and notes problems on the stage.
void check_flows(Stage& stage);

}  // namespace culvert::sim
