// Suggestions for slips of the fingers, and silence where a guess would only confuse.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/nearest.h"

#include <doctest/doctest.h>

namespace culvert::ctl {
namespace {

TEST_CASE("the distance counts insertions, deletions, replacements and swaps") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("server", "server") == 0);
  CHECK(edit_distance("server", "sever") == 1);
  CHECK(edit_distance("server", "serverr") == 1);
  CHECK(edit_distance("server", "sarver") == 1);
  CHECK(edit_distance("server", "sevrer") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("the nearest name is suggested") {
  const std::vector<std::string> names = {"workloads", "services", "status", "verdicts"};
  CHECK(nearest("workload", names) == "workloads");
  CHECK(nearest("Statsu", names) == "status");
  CHECK(nearest("work", names) == "workloads");
  CHECK(did_you_mean("verdict", names) == "; did you mean \"verdicts\"?");
}

TEST_CASE("a name that is far from all gets no suggestion") {
  const std::vector<std::string> names = {"workloads", "services", "status"};
  CHECK(nearest("zzz", names).empty());
  CHECK(nearest("", names).empty());
  CHECK(nearest("x", {}).empty());
  CHECK(did_you_mean("frobnicate", names).empty());
}

}  // namespace
}  // namespace culvert::ctl
