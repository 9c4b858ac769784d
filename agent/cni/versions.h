// The versions of the CNI specification that culvert-cni speaks, and what each of them allows.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace culvert::cni {

// Oldest first. Below 0.3.1 results have another form, and no plugin is handed another's.
inline constexpr std::array<std::string_view, 4> kVersions = {"0.3.1", "0.4.0", "1.0.0", "1.1.0"};

// rank_of gives a version's place in kVersions; none if it is not spoken here.
constexpr std::optional<std::size_t> rank_of(std::string_view version) {
  for (std::size_t i = 0; i < kVersions.size(); ++i) {
    if (kVersions[i] == version) {
      return i;
    }
  }
  return std::nullopt;
}

}  // namespace culvert::cni
