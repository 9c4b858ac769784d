// Times as texts: RFC 3339 in UTC, to the second.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace culvert {

// parse_rfc3339 reads "2026-01-02T03:04:05Z", fractions allowed; nullopt for anything else. In
// seconds: certificates may say that they end in the year 9999, which nanoseconds do not reach.
std::optional<std::chrono::sys_seconds> parse_rfc3339(std::string_view text);

std::string to_rfc3339(std::chrono::system_clock::time_point time);

}  // namespace culvert
