// Times as certificates carry them and as people read them.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/times.h"

#include <doctest/doctest.h>

namespace culvert::ctl {
namespace {

using namespace std::chrono_literals;

TEST_CASE("RFC 3339 in UTC is read, anything else is not a time") {
  const auto time = parse_rfc3339("2023-11-14T22:13:20Z");
  CHECK(time == std::chrono::system_clock::from_time_t(1'700'000'000));
  CHECK(parse_rfc3339("2023-11-14T22:13:20.123456Z") == time);
  for (const char* bad : {"", "now", "2023-11-14", "2023-11-14T22:13:20+01:00",
                          "2023-13-40T22:13:20Z", "2023-11-14 22:13:20Z", "-023-11-14T22:13:20Z"}) {
    CAPTURE(bad);
    CHECK(!parse_rfc3339(bad));
  }
}

TEST_CASE("durations show their two largest units") {
  CHECK(short_duration(0s) == "0s");
  CHECK(short_duration(59s) == "59s");
  CHECK(short_duration(61s) == "1m 1s");
  CHECK(short_duration(24h - 1s) == "23h 59m");
  CHECK(short_duration(51h) == "2d 3h");
  CHECK(short_duration(48h + 5s) == "2d");
  CHECK(short_duration(-90s) == "-1m 30s");
}

}  // namespace
}  // namespace culvert::ctl
