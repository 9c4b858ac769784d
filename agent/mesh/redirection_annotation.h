// Istio's annotation of a pod that speaks HBONE: what the agent reads of others and writes to its
// own.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace culvert::mesh {

inline constexpr const char* kRedirectionAnnotation = "ambient.istio.io/redirection";
inline constexpr std::string_view kRedirectionEnabled = "enabled";

}  // namespace culvert::mesh
