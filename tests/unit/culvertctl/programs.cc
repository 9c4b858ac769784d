// Other programs: what they are given and what is taken of them.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/programs.h"

#include <doctest/doctest.h>

namespace culvert::ctl {

TEST_CASE("a program gets its input, and both its outputs are taken, however much it is") {
  const std::string much(1 << 20, 'x');
  const auto ran = run_quietly({"sh", "-c", "cat; echo why >&2; exit 3"}, much);
  REQUIRE(ran);
  CHECK(ran->exit_code == 3);
  CHECK(ran->out == much);
  CHECK(ran->error == "why\n");
}

TEST_CASE("a program that is not there is said") {
  CHECK(is_there("sh"));
  CHECK_FALSE(is_there("culvert-no-such-program"));
  const auto ran = run_quietly({"culvert-no-such-program"});
  REQUIRE_FALSE(ran);
  CHECK(to_string(ran.error()).contains("install it, and put it on PATH"));
}

}  // namespace culvert::ctl
