// UTF-8 (RFC 3629 §4): what protobuf texts and JSON must be, and what others give us is not always.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace culvert {

// utf8_length gives the length of the sequence that `text`, which is not empty, starts with; 0 if
// that is none.
std::size_t utf8_length(std::string_view text);

bool is_utf8(std::string_view text);

}  // namespace culvert
