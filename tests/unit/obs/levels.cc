// Log levels by scope, and changing them while the log runs.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/unit/obs/captured_log.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::obs {
namespace {

TEST_CASE("a scope's level counts for the scopes below it, and the longest wins") {
  const CapturedLog out(LogFormat::text, "warn,proxy=debug,proxy::inbound=error");
  CHECK(!enabled(Level::info, "agent"));
  CHECK(enabled(Level::debug, "proxy"));
  CHECK(enabled(Level::debug, "proxy::outbound"));
  CHECK(!enabled(Level::warn, "proxy::inbound::tls"));
  CHECK(!enabled(Level::info, "proxyish"));
}

TEST_CASE("levels change while the log runs and can be reset") {
  const CapturedLog out(LogFormat::text, "info");
  log(Level::debug, "access", "unseen");
  REQUIRE(set_levels("access=debug"));
  CHECK(current_levels() == "info,access=debug");
  log(Level::debug, "access", "seen");
  reset_levels();
  CHECK(current_levels() == "info");
  log(Level::debug, "access", "unseen again");
  CHECK(out.after_time() == "debug\taccess\tseen\n");
}

TEST_CASE("what can't be read changes nothing") {
  const CapturedLog out(LogFormat::text, "info");
  for (const char* bad :
       {"proxy", "info,=debug", "proxy=", "info,,warn", "proxy=loud", "debug,x"}) {
    CAPTURE(bad);
    const auto set = set_levels(bad);
    CHECK(!set);
    CHECK(current_levels() == "info");
  }
}

TEST_CASE("the number of scopes with a level of their own is limited") {
  const CapturedLog out(LogFormat::text, "info");
  for (std::size_t i = 0; i < kLogScopesMax; ++i) {
    REQUIRE(set_levels("scope" + std::to_string(i) + "=debug"));
  }
  const auto one_more = set_levels("another=debug");
  REQUIRE(!one_more);
  CHECK(to_string(one_more.error()) ==
        "more than 64 scopes would have a level of their own: reset the levels first");
}

}  // namespace
}  // namespace culvert::obs
