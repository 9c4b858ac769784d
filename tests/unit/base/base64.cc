// The vectors of RFC 4648 §10.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/base/base64.h"

#include <doctest/doctest.h>

namespace culvert {
namespace {

TEST_CASE("base64 gives the RFC's own examples, both ways") {
  struct Row {
    std::string_view bytes;
    std::string_view text;
  };
  constexpr Row kRows[] = {{"", ""},
                           {"f", "Zg=="},
                           {"fo", "Zm8="},
                           {"foo", "Zm9v"},
                           {"foob", "Zm9vYg=="},
                           {"fooba", "Zm9vYmE="},
                           {"foobar", "Zm9vYmFy"},
                           {"\xff\xfe\xfd", "//79"}};
  for (const auto& row : kRows) {
    CHECK(to_base64(as_bytes(row.bytes)) == row.text);
    const auto read = from_base64(row.text);
    CHECK(read);
    CHECK(read.value_or("") == row.bytes);
  }
}

TEST_CASE("text that is not base64 is refused, and so is any other way to write the same bytes") {
  for (const auto* text :
       {"Z", "Zg", "Zg=", "Zh==", "Zg==\n", "Zm9v====", "Zm 9v", "Zg=a", "-_79", "=", "===="}) {
    INFO(std::string(text));
    CHECK(!from_base64(text));
  }
}

}  // namespace
}  // namespace culvert
