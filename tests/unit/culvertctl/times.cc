// Times as people read them.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/times.h"

#include <doctest/doctest.h>

namespace culvert::ctl {
namespace {

using namespace std::chrono_literals;

TEST_CASE("the year 9999, as certificates say it that have no end, is a time like others") {
  const WallClock end = std::chrono::sys_days(std::chrono::year(10000) / 1 / 1) - 1s;
  CHECK(short_duration(end - WallClock(1'700'000'000s)) == "2913221d 1h");
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
