// Signer: wiring. Makes the parts of culvert-signer, gives each what it needs, and runs them on one
// loop.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/kube/config.h"
#include "agent/signer/config.h"

namespace culvert::signer {

// run_signer runs until SIGTERM or SIGINT. Fails with one sentence when it can't start.
Result<> run_signer(const Config& config, const kube::Config& server);

}  // namespace culvert::signer
