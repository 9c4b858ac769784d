// Times as people read them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace culvert::ctl {

using WallClock = std::chrono::system_clock::time_point;

// parse_rfc3339 reads "2026-01-02T03:04:05Z", fractions allowed; nullopt for anything else.
std::optional<WallClock> parse_rfc3339(std::string_view text);

// short_duration gives the two largest units: "23h 59m", "2d 3h", "45s", "0s"; a minus for the
// past.
std::string short_duration(std::chrono::seconds duration);

}  // namespace culvert::ctl
