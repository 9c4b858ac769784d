// What a daemon asks of its kernel before it starts its loop.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "ztunnel/lib/base/fd.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::io {

// block_signals keeps SIGTERM and SIGINT for the loop, as a descriptor; before any thread is made.
Result<Fd> block_signals();

// kernel_seed gives what a real process seeds its Rng with.
std::uint64_t kernel_seed();

}  // namespace culvert::io
