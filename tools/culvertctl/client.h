// A tiny HTTP/1.1 client: one GET over a unix socket, with a limit on size and time. It trusts the
// other side with nothing.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "ztunnel/lib/base/result.h"

namespace culvert::ctl {

// 256 MiB: the dump of a mesh of 100,000 workloads is about 100 MiB.
inline constexpr std::size_t kResponseBytesMax = 256UL << 20;
// 10 s for the whole exchange: a dump of that size takes about two.
inline constexpr std::chrono::seconds kExchangeTimeout{10};

struct Daemon {
  std::string_view name;  // "ztunnel"
  std::string socket;     // path of its admin socket
};

struct GetLimits {
  std::chrono::milliseconds timeout = kExchangeTimeout;
  std::size_t response_bytes_max = kResponseBytesMax;
};

// get asks `daemon` for `path` and gives the body of its 200. Every failure is a sentence that
// names daemon and socket and says what to do: `unavailable` when nobody answers there,
// `timed_out`, `limit`, `protocol` when what answers is not HTTP or the status is another.
Result<std::string> get(const Daemon& daemon, std::string_view path, const GetLimits& limits = {});

}  // namespace culvert::ctl
