// The vectors of RFC 4648 §10.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/admin/base64.h"

#include <doctest/doctest.h>

namespace culvert::admin {
namespace {

TEST_CASE("base64 gives the RFC's own examples") {
  CHECK(to_base64(as_bytes("")).empty());
  CHECK(to_base64(as_bytes("f")) == "Zg==");
  CHECK(to_base64(as_bytes("fo")) == "Zm8=");
  CHECK(to_base64(as_bytes("foo")) == "Zm9v");
  CHECK(to_base64(as_bytes("foob")) == "Zm9vYg==");
  CHECK(to_base64(as_bytes("fooba")) == "Zm9vYmE=");
  CHECK(to_base64(as_bytes("foobar")) == "Zm9vYmFy");
  CHECK(to_base64(as_bytes("\xff\xfe\xfd")) == "//79");
}

}  // namespace
}  // namespace culvert::admin
