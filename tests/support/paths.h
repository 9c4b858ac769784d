// Where a scenario finds our programs, the sources of its small servers, and the names all agree
// on.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace culvert::lab {

inline constexpr std::string_view kNamespace = "demo";

// program gives the path of one of our binaries: they stand beside the running one. Throws when
// absent.
std::string program(std::string_view name);

// source_folder gives the root of the repository that this binary was built from.
std::string source_folder();

}  // namespace culvert::lab
