// What the two sides of culvert-load say to each other: the first byte of a connection is the wish.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "ztunnel/lib/base/fd.h"

namespace culvert::load {

inline constexpr char kEcho = 'E';   // sends everything back
inline constexpr char kSleep = 'S';  // never reads again
inline constexpr char kSink = 'K';   // reads all, answers with its length in decimal at the end

inline constexpr std::size_t kRequestBytes = 1024;
// 64 KiB: what a sleeper's own two sockets may hold. With the kernel's defaults a thousand of them
// fill tcp_mem, and then every TCP socket of the machine starves, with or without a mesh.
inline constexpr int kSleeperSocketBytes = 64 * 1024;
inline constexpr std::size_t kBulkBytes = 256 * 1024;

// serve accepts on [::]:port until it is killed, a thread per connection.
int serve(int port);

// connect_to gives a blocking TCP socket, with a negative descriptor when it failed; errno says
// why.
Fd connect_to(const std::string& address, int port);

// send_all and receive_all are false at an error, a reset or an early end.
bool send_all(int fd, std::span<const char> bytes);
bool receive_all(int fd, std::span<char> bytes);

// The wishes of a client; each prints one JSON object and returns the exit code.
int measure_connections(const std::string& address, int port, int count, int parallel);
int measure_requests(const std::string& address, int port, int connections, int seconds);
int measure_bulk(const std::string& address, int port, int seconds);
int keep_sleepers(const std::string& address, int port, int count);
int hold_open(const std::string& address, int port);

}  // namespace culvert::load
