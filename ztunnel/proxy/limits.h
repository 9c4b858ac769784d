// The proxy's limits, each with its reason.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

namespace culvert::proxy {

using namespace std::chrono_literals;

// ztunnel's figure: a pod's record, or its certificate, may be a little later than its first
// packet.
inline constexpr std::chrono::nanoseconds kOwnRecordWait = 5s;

// ztunnel's figure for TCP connects, to the application and to peers.
inline constexpr std::chrono::nanoseconds kConnectTimeout = 10s;

// From the CONNECT to its answer: the peer's own connect limit, and as much again for what it may
// wait for (its record and certificate).
inline constexpr std::chrono::nanoseconds kConnectAnswerTimeout = 20s;

// What an application may send before the peer has answered: kept, in case the peer refuses the
// stream and another one has to carry it. 64 KiB is what a peer allows before it said anything
// else.
inline constexpr std::size_t kEarlyBytesMax = 64 * 1024;

// A tunnel without streams closes after this time (ztunnel: POOL_UNUSED_RELEASE_TIMEOUT); well
// under Envoy's hour, so that we are the ones who close.
inline constexpr std::chrono::nanoseconds kIdleTunnelTimeout = 300s;

// The end of an inbound tunnel: its GOAWAY and close_notify are sent, and the peer's end is waited
// for, a second each (kGoodbyeTimeout). A peer that takes neither is cut.
inline constexpr std::chrono::nanoseconds kTunnelEndLimit = 3s;

// How long one side may still take what came before the other side was reset, or its tunnel ended:
// as TCP would let it. Then it is reset too.
inline constexpr std::chrono::nanoseconds kBrokenSideLinger = 10s;

// Streams that we open on one tunnel before we open another; the peer's own limit counts too.
inline constexpr std::size_t kStreamsPerTunnel = 1024;

// Attempts to open a stream when the pooled tunnel turns out to be closing, or its peer refuses the
// stream: one to find out, one for a fresh tunnel that a draining peer closes at once, one more.
inline constexpr int kOpenAttempts = 3;

// After accept() failed for want of descriptors or memory; without it the loop would spin
// (istio/ztunnel#1631).
inline constexpr std::chrono::nanoseconds kAcceptBackoff = 100ms;

// How long the old listeners of a pod are served after new ones came: handshakes that began on them
// end within the retransmissions of the SYN-ACK (1 s, 3 s).
inline constexpr std::chrono::nanoseconds kOldListenerDrain = 5s;

// How often live connections are looked after: their bytes are added to the metrics, and those that
// nobody can end any more are ended.
inline constexpr std::chrono::nanoseconds kTrackerInterval = 1s;

}  // namespace culvert::proxy
