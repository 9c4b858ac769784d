// Addresses as texts.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/base/address.h"

#include <doctest/doctest.h>

namespace culvert {
namespace {

TEST_CASE("an address with its port is read back from its own text") {
  for (const char* text : {"10.0.0.1:80", "[fd00::1]:443", "[::]:0", "[::1]:65535"}) {
    CAPTURE(text);
    const auto address = SocketAddress::parse(text);
    REQUIRE(address.has_value());
    CHECK(to_string(*address) == text);
  }
}

TEST_CASE("an IPv6 address that is written with dots is an IPv6 address") {
  const auto address = SocketAddress::parse("[::1:1]:80");
  REQUIRE(address.has_value());
  CHECK(to_string(*address) == "[::0.1.0.1]:80");  // as the C library writes ::/96
  CHECK(*SocketAddress::parse(to_string(*address)) == *address);
}

TEST_CASE("brackets belong to IPv6 and to nothing else") {
  for (const char* text :
       {"[10.0.0.1]:80", "fd00::1:80", "::1.2.3.4:80", "[fd00::1:80", "fd00::1]:80", "[]:80",
        "[:80", "]:80", ":80", "10.0.0.1", "10.0.0.1:", "[fd00::1]"}) {
    CAPTURE(text);
    CHECK_FALSE(SocketAddress::parse(text).has_value());
  }
}

}  // namespace
}  // namespace culvert
