// PipeStream: two Streams in one process that are each other's peer, for tests and the simulation.
// It behaves like a TCP connection over loopback: bounded buffers, half-close, reset.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>

#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/net/stream.h"

namespace culvert::net {

constexpr std::size_t kPipeBytes = 16 * 1024;  // a direction's buffer, unless a test says otherwise

// make_pipe makes both ends. They may be destroyed in any order: a destroyed end has ended its
// direction, and what its peer writes then fails with `closed`; if it had unread bytes, the peer
// sees a reset (RFC 9293 §3.10.4, as Linux does it). Every operation suspends at least once, as on
// a socket, so that simulated order and cancellation reach each.
std::array<std::unique_ptr<Stream>, 2> make_pipe(io::Loop& loop, std::size_t capacity = kPipeBytes);

}  // namespace culvert::net
