// What culvert-cni does for a call: asks the agent, and decides by the namespace while no agent
// answers. Nothing else: it reads no API, makes no interface, changes no namespace.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string_view>

#include "agent/cni/call.h"

namespace culvert::cni {

// 30 s for an ADD: the agent waits up to 5 s each for its source and ztunnel, 3 s for addresses,
// and for who else works on the pod. The kubelet gives a sandbox four minutes.
inline constexpr std::chrono::milliseconds kAddWithin = std::chrono::seconds(30);
// 10 s for all else: an un-enrolment without a drain takes as long as ztunnel's answer.
inline constexpr std::chrono::milliseconds kAskWithin = std::chrono::seconds(10);

// run carries out one call and says what to print and how to end. `call` is filled for the log.
Answer run(const Environment& environment, std::string_view input, Call& call);

}  // namespace culvert::cni
