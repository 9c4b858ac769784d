// Makes a scenario that leaves something behind a failed test.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/support/mesh.h"

namespace {

[[maybe_unused]] const bool kTold = [] {
  culvert::lab::when_left_behind([](const std::string& what) { FAIL_CHECK(what); });
  return true;
}();

}  // namespace
