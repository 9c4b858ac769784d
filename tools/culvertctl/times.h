// Times as people read them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

namespace culvert::ctl {

// In seconds: certificates may say that they end in the year 9999, which nanoseconds do not reach.
using WallClock = std::chrono::sys_seconds;

// short_duration gives the two largest units: "23h 59m", "2d 3h", "45s", "0s"; a minus for the
// past.
std::string short_duration(std::chrono::seconds duration);

}  // namespace culvert::ctl
