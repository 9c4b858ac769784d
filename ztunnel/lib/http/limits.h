// The limits of HTTP/2 connections, each with its unit and its reason; README.md has the table.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace culvert::http {

// What one stream may have unread. 64 KiB is what every peer may send before it hears of a larger
// window, so nothing smaller would bind. A stream whose reader took that much gets the wide window,
// as long as at most `kWideStreamsMax` streams of the connection have one. So what sleeping readers
// can make one connection hold is bounded:
//   1,024 streams x 64 KiB + 64 streams x 1 MiB = 128 MiB, and 62.5 MiB for 1,000 that never read.
inline constexpr std::uint32_t kStreamWindowBytes = 64 * 1024 - 1;
inline constexpr std::uint32_t kWideStreamWindowBytes = 1024 * 1024;  // 840 Mb/s at 10 ms
inline constexpr std::size_t kWideStreamsMax = 64;

// The connection's own window never binds (the largest that RFC 9113 §6.9.1 allows, credit returned
// when bytes arrive): memory is bounded by the streams' windows, and a sleeping reader must not
// take credit from its neighbours.
inline constexpr std::int32_t kConnectionWindowBytes = 0x7fffffff;

// Streams a peer may have open with us. 1,000 streams whose readers sleep must fit on one tunnel.
inline constexpr std::uint32_t kStreamsMax = 1024;
// What we assume of a server before its SETTINGS arrive (RFC 9113 §6.5.2 advises no less than 100).
inline constexpr std::uint32_t kStreamsBeforeSettings = 100;

// Frame header and payload together fill one TLS record of 16 KiB.
inline constexpr std::size_t kFrameHeaderBytes = 9;
inline constexpr std::size_t kDataFrameBytes = 16 * 1024 - kFrameHeaderBytes;

// One write to the transport carries at most this much, of however many streams: large enough that
// system calls are cheap, small enough that a new small frame waits for little.
inline constexpr std::size_t kOutputBatchBytes = 128 * 1024;

// One read from the transport. Connections start with, and return to, the small buffer.
inline constexpr std::size_t kInputBytesSmall = 4 * 1024;
inline constexpr std::size_t kInputBytesLarge = 64 * 1024;

// Sum of name + value + 32 for each header (RFC 9113 §6.5.2). A peer's longer list is answered with
// 431; one of ours fails with `limit`.
inline constexpr std::size_t kHeaderListBytesMax = 64 * 1024;

// Floods. Acks of PING and SETTINGS that wait because the peer does not read (CVE-2019-9512,
// -9515):
inline constexpr std::size_t kWaitingAcksMax = 1000;
inline constexpr std::size_t kSettingsPerFrameMax = 32;  // CVE-2020-11080
// Resets by the peer (CVE-2023-44487). Far above nghttp2's 33 a second: one tunnel carries a whole
// pod's connections, and an application that ends each of them with RST must not lose the tunnel.
inline constexpr std::uint64_t kResetBurstMax = 20'000;
inline constexpr std::uint64_t kResetsPerSecondMax = 10'000;

// Dead peers are noticed within the sum of these two. Any byte counts as life, not the pong alone:
// a pong may stand behind megabytes of a slow link's queue.
inline constexpr std::chrono::seconds kPingInterval{10};
inline constexpr std::chrono::seconds kPingTimeout{20};
// A peer that says nothing after the handshake (slow loris).
inline constexpr std::chrono::seconds kSettingsTimeout{10};
// How long the last GOAWAY and the transport's own goodbye may take.
inline constexpr std::chrono::seconds kGoodbyeTimeout{1};

}  // namespace culvert::http
