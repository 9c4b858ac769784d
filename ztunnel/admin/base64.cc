// Base64 encoder.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/admin/base64.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace culvert::admin {

std::string to_base64(Bytes bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
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

}  // namespace culvert::admin
