// One line per kind of offence and interval.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/unit/obs/captured_log.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::obs {
namespace {

using namespace std::chrono_literals;

TEST_CASE("repeated offences of one kind are held back, counted, and told with the next line") {
  const CapturedLog out(LogFormat::text);
  RateLimitedLog limited({.level = Level::warn, .scope = "proxy", .interval = 10s});
  const RateLimitedLog::TimePoint start{1000s};
  CHECK(limited.log(start, "tls", "handshake failed"));
  CHECK(!limited.log(start + 1s, "tls", "handshake failed"));
  CHECK(!limited.log(start + 9s, "tls", "handshake failed"));
  CHECK(limited.log(start + 2s, "connect", "no CONNECT"));
  CHECK(limited.log(start + 10s, "tls", "handshake failed", {{"src.ip", "10.0.0.1"}}));
  CHECK(out.text().ends_with("handshake failed\tsrc.ip=\"10.0.0.1\" held_back=2\n"));
}

TEST_CASE("kinds without end share one line") {
  const CapturedLog out(LogFormat::text);
  RateLimitedLog limited({.level = Level::warn, .scope = "proxy"});
  const RateLimitedLog::TimePoint now{1000s};
  for (std::size_t i = 0; i < RateLimitedLog::kKindsMax; ++i) {
    CHECK(limited.log(now, "kind" + std::to_string(i), "x"));
  }
  CHECK(limited.log(now, "one", "x"));
  CHECK(!limited.log(now, "two", "x"));
}

}  // namespace
}  // namespace culvert::obs
