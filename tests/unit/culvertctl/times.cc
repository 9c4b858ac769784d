// Times as certificates carry them and as people read them.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/times.h"

#include <doctest/doctest.h>

namespace culvert::ctl {
namespace {

using namespace std::chrono_literals;

TEST_CASE("RFC 3339 in UTC is read, anything else is not a time") {
  const auto time = parse_rfc3339("2023-11-14T22:13:20Z");
  CHECK(time == WallClock(1'700'000'000s));
  CHECK(parse_rfc3339("2023-11-14T22:13:20.123456Z") == time);
  for (const char* bad : {"", "now", "2023-11-14", "2023-11-14T22:13:20+01:00",
                          "2023-13-40T22:13:20Z", "2023-11-14 22:13:20Z", "-023-11-14T22:13:20Z"}) {
    CAPTURE(bad);
    CHECK(!parse_rfc3339(bad));
  }
}

TEST_CASE("the year 9999, as certificates say it that have no end, is a time like others") {
  const auto time = parse_rfc3339("9999-12-31T23:59:59Z");
  REQUIRE(time.has_value());
  CHECK(short_duration(*time - WallClock(1'700'000'000s)) == "2913221d 1h");
}

TEST_CASE("durations show their two largest units") {
  CHECK(short_duration(0s) == "0s");
  CHECK(short_duration(59s) == "59s");
  CHECK(short_duration(61s) == "1m 1s");
  CHECK(short_duration(24h - 1s) == "23h 59m");
  CHECK(short_duration(51h) == "2d 3h");
  CHECK(short_duration(48h + 5s) == "2d");
  CHECK(short_duration(-90s) == "-1m 30s");
  CHECK(short_duration(std::chrono::seconds::min()) == "-106751991167300d 15h");
}

}  // namespace
}  // namespace culvert::ctl
