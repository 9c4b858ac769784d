// Names for runs of bytes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace culvert {

using Bytes = std::span<const std::uint8_t>;  // borrowed, read only
using MutableBytes = std::span<std::uint8_t>;

// as_bytes views text as bytes; the text must outlive the view.
inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// as_text views bytes as text; the bytes must outlive the view and need not be UTF-8.
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace culvert
