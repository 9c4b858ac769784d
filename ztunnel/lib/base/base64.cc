// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/base/base64.h"

#include <algorithm>
#include <cstdint>

namespace culvert {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string to_base64(Bytes bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  while (!bytes.empty()) {
    const std::size_t taken = std::min<std::size_t>(bytes.size(), 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (i < taken ? bytes[i] : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out += i <= taken ? kAlphabet[bits >> (18 - 6 * i) & 0x3f] : '=';
    }
    bytes = bytes.subspan(taken);
  }
  return out;
}

Result<std::string> from_base64(std::string_view text) {
  const auto digits = text.substr(0, text.find_last_not_of('=') + 1);
  std::string out;
  out.reserve(digits.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned count = 0;  // bits that stand for no byte yet
  for (const char digit : digits) {
    const auto value = kAlphabet.find(digit);
    if (value == std::string_view::npos) {
      return fail(Errc::protocol, "the text is not base64");
    }
    bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xffff;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 0xff);
    }
  }
  // What is left over, the padding and its length are all as the writer makes them.
  if (to_base64(as_bytes(out)) != text) {
    return fail(Errc::protocol, "the text is not base64");
  }
  return out;
}

}  // namespace culvert
