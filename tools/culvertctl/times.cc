// Durations in two units.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/times.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>

namespace culvert::ctl {

std::string short_duration(std::chrono::seconds duration) {
  struct Unit {
    char letter;
    std::uint64_t seconds;
  };
  constexpr std::array<Unit, 4> kUnits = {{{'d', 86'400}, {'h', 3'600}, {'m', 60}, {'s', 1}}};
  const std::string sign = duration.count() < 0 ? "-" : "";
  // Not abs(): the least number has no counterpart above zero.
  auto rest = static_cast<std::uint64_t>(duration.count());
  rest = duration.count() < 0 ? -rest : rest;
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    if (rest < kUnits[i].seconds) {
      continue;
    }
    std::string out = fmt::format("{}{}{}", sign, rest / kUnits[i].seconds, kUnits[i].letter);
    rest %= kUnits[i].seconds;
    if (i + 1 < kUnits.size() && rest >= kUnits[i + 1].seconds) {
      out += fmt::format(" {}{}", rest / kUnits[i + 1].seconds, kUnits[i + 1].letter);
    }
    return out;
  }
  return "0s";
}

}  // namespace culvert::ctl
