// A connection to the ztunnel of this node, through a pod's address, as a peer's would come.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "ztunnel/lib/base/result.h"

namespace culvert::ctl {

// 3 s: ztunnel answers in milliseconds, also while it waits for other handshakes.
inline constexpr std::chrono::milliseconds kProbeTimeout = std::chrono::seconds(3);

// probe_pod opens a connection to port 15008 of `address` and begins TLS: the kernel's program has
// to steer it, and a ztunnel that has the pod's certificate has to answer. A bare connect would
// prove neither: the agent's listeners take connections while no ztunnel runs. It ends before
// anything is asked of the pod; ztunnel counts a handshake that failed.
Result<> probe_pod(const std::string& address, std::chrono::milliseconds within = kProbeTimeout);

}  // namespace culvert::ctl
