// gRPC's framing, for peers that lie in it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace culvert::protocol {

// framed puts gRPC's prefix before a message; `claimed` and `compressed` can lie.
inline std::string framed(const std::string& message, std::optional<std::uint32_t> claimed = {},
                          bool compressed = false) {
  const auto size = claimed.value_or(static_cast<std::uint32_t>(message.size()));
  std::string bytes;
  for (const std::uint32_t byte : {compressed ? 1U : 0U, size >> 24, size >> 16, size >> 8, size}) {
    bytes += static_cast<char>(byte & 0xff);
  }
  return bytes + message;
}

}  // namespace culvert::protocol
