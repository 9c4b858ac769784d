// The log of calls: one line each, if the configuration names a file.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "agent/cni/call.h"

namespace culvert::cni {

// 4 MiB: some 20,000 calls; then the file becomes FILE.1, and the one before it goes.
inline constexpr std::size_t kLogBytesMax = std::size_t{4} << 20;

// log_call appends a line: time, command, pod, status, what became of it, how long it took. A log
// that can't be written is no reason to fail a pod.
void log_call(const Call& call, const Answer& answer, std::chrono::nanoseconds took);

}  // namespace culvert::cni
