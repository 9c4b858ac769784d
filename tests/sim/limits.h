// The longest that things may take in virtual time; each is the sum of the product's own limits on
// the way, and a little for latencies.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace culvert::sim {

// A peer that says nothing any more: a handshake's 10 s, or HTTP/2's ping and its answer, 10 + 20
// s.
inline constexpr std::chrono::seconds kStalledTunnelMax{35};

// From its beginning until both ends of a flow know that it is over. Plans alone take up to 10 s;
// own record 5 s, connect 10 s, handshake 5 + 10 s, a tunnel that stalls 30 s, answer 20 s.
inline constexpr std::chrono::seconds kFlowMax{100};

// An idle tunnel's 300 s, the 10 s between two looks, and the goodbye.
inline constexpr std::chrono::seconds kIdleTunnelMax{315};

// Beyond a drain's limit: two pods whose tunnels take 2 s each to say goodbye, and 1 s for the
// GOAWAY of those that peers opened.
inline constexpr std::chrono::seconds kDrainSlack{6};

// From the end of the drains until the applications know of it.
inline constexpr std::chrono::seconds kLastBytesMax{1};

}  // namespace culvert::sim
