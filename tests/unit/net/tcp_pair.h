// A connected pair of TCP streams over 127.0.0.1, and the few steps that every test of streams
// takes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include "tests/unit/io/backends.h"
#include "ztunnel/lib/net/tcp.h"

namespace culvert::net {

using io::code_of;
using io::for_each_backend;

struct TcpPair {
  std::unique_ptr<SocketStream> client;
  std::unique_ptr<SocketStream> server;
};

inline io::Task<TcpPair> connect_pair(io::Loop& loop) {
  const Fd listener = co_await listen_tcp({.at = {IpAddress::loopback_v4(), 0}});
  const SocketAddress address = co_await local_address(listener.get());
  TcpPair pair;
  pair.client = co_await connect_tcp(loop, {.to = address});
  pair.server = co_await accept_tcp(loop, listener.get());
  co_return pair;
}

inline TcpPair tcp_pair(io::Loop& loop) {
  auto pair = io::block_on(loop, connect_pair(loop));
  REQUIRE(pair);
  return std::move(*pair);
}

inline io::Task<> write_text(Stream& stream, std::string text) {
  co_await stream.write_all(as_bytes(text));
}

// Reads to the end of the stream.
inline io::Task<std::string> read_all(Stream& stream) {
  std::string text;
  std::array<std::uint8_t, 4096> bytes{};
  while (const std::size_t count = co_await stream.read_some(bytes)) {
    text += as_text(Bytes(bytes).first(count));
  }
  co_return text;
}

// Reads exactly `count` bytes, or what there was before the end.
inline io::Task<std::string> read_exactly(Stream& stream, std::size_t count) {
  std::string text;
  std::array<std::uint8_t, 4096> bytes{};
  while (text.size() < count) {
    const auto want = std::min(bytes.size(), count - text.size());
    const std::size_t got = co_await stream.read_some(MutableBytes(bytes).first(want));
    if (got == 0) {
      break;
    }
    text += as_text(Bytes(bytes).first(got));
  }
  co_return text;
}

inline io::Task<> join(io::Scope& scope) {
  co_await scope.join();
}

// A text in which a lost, doubled or swapped byte shows.
inline std::string pattern(std::size_t count) {
  std::string text(count, '\0');
  for (std::size_t i = 0; i < count; ++i) {
    text[i] = static_cast<char>((i * 131 + i / 251) % 253);
  }
  return text;
}

}  // namespace culvert::net
