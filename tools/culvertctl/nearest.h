// The nearest of some names to a wrong one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::ctl {

// edit_distance counts the insertions, deletions, replacements and swaps of neighbours that turn
// one text into the other.
std::size_t edit_distance(std::string_view a, std::string_view b);

// nearest gives the name with the smallest distance to `wrong`, or "" where none is near enough to
// be a slip of the fingers: more than a third of the longer text would have to change. Case is no
// difference, and a name that starts with `wrong` is near.
std::string nearest(std::string_view wrong, const std::vector<std::string>& names);

// did_you_mean gives `; did you mean "<nearest>"?`, or "" where nothing is near.
std::string did_you_mean(std::string_view wrong, const std::vector<std::string>& names);

}  // namespace culvert::ctl
