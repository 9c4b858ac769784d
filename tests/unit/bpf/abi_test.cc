// The contract is one text in two languages.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <cstring>

#include "tests/unit/bpf/abi_view.h"

static_assert(__cplusplus > 202002L, "compiled as C++23");

extern "C" abi_view abi_view_of_c(void);

TEST_CASE("C23 and C++23 see the same layouts and numbers") {
  const abi_view c = abi_view_of_c();
  const abi_view cxx = abi_view_here();
  CHECK(std::memcmp(&c, &cxx, sizeof c) == 0);
}

TEST_CASE("the mark bits are two, and disjoint") {
  CHECK(__builtin_popcount(CULVERT_MARK_OUTBOUND) == 1);
  CHECK(__builtin_popcount(CULVERT_MARK_DELIVERY) == 1);
  CHECK((CULVERT_MARK_OUTBOUND & CULVERT_MARK_DELIVERY) == 0);
}

TEST_CASE("deliveries use ports that neither the mesh listens on nor clients choose from") {
  // The kernel's default ephemeral range begins at 32768.
  CHECK(CULVERT_DELIVERY_PORT_MAX < 32768);
  CHECK(CULVERT_DELIVERY_PORT_MIN < CULVERT_DELIVERY_PORT_MAX);
}
