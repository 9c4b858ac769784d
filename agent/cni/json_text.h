// What is needed of JSON as text, where a parsed value is not enough: to change one thing in a file
// and leave every other byte as it is, and to tell how deep a text nests before it is parsed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace culvert::cni {

// 64: configurations nest some five deep. What is deeper would be copied and written recursively.
inline constexpr std::size_t kJsonDepthMax = 64;

// nesting gives the deepest nesting of objects and arrays; any text will do.
std::size_t nesting(std::string_view json);

// Span is a part of a text: [begin, end).
struct Span {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool operator==(const Span&) const = default;
};

// elements_of gives where the elements of the array `key` of the outermost object stand. `json`
// must be a valid JSON object; none if it has no such member or that is no array. If the key comes
// twice, the last one counts, as for every reader that matters here.
std::optional<std::vector<Span>> elements_of(std::string_view json, std::string_view key);

}  // namespace culvert::cni
