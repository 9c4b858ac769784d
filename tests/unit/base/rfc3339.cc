// Times as certificates and the API server carry them.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/base/rfc3339.h"

#include <doctest/doctest.h>

namespace culvert {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_seconds;

TEST_CASE("RFC 3339 in UTC is read, anything else is not a time") {
  const auto time = parse_rfc3339("2023-11-14T22:13:20Z");
  CHECK(time == sys_seconds(1'700'000'000s));
  CHECK(parse_rfc3339("2023-11-14T22:13:20.123456Z") == time);
  for (const char* bad : {"", "now", "2023-11-14", "2023-11-14T22:13:20+01:00",
                          "2023-13-40T22:13:20Z", "2023-11-14 22:13:20Z", "-023-11-14T22:13:20Z"}) {
    CAPTURE(bad);
    CHECK(!parse_rfc3339(bad));
  }
}

TEST_CASE("a time is written as it is read") {
  CHECK(to_rfc3339(sys_seconds(1'700'000'000s) + 999ms) == "2023-11-14T22:13:20Z");
  CHECK(to_rfc3339(sys_seconds(0s)) == "1970-01-01T00:00:00Z");
}

}  // namespace
}  // namespace culvert
