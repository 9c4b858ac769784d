// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/base/utf8.h"

#include <doctest/doctest.h>

namespace culvert {
namespace {

TEST_CASE("text of every length of sequence is UTF-8") {
  CHECK(is_utf8(""));
  CHECK(is_utf8("plain, \xc3\xa9, \xe2\x82\xac, \xf0\x9f\x98\x80"));
  CHECK(is_utf8(std::string_view("\0", 1)));
}

TEST_CASE("cut, overlong and surrogate sequences are none") {
  for (const char* text : {"\xe9", "a\xe2\x82", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80",
                           "\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xff", "\x80"}) {
    CAPTURE(text);
    CHECK_FALSE(is_utf8(text));
  }
}

}  // namespace
}  // namespace culvert
