// RFC 3339 in UTC, and durations in two units.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/times.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdint>

namespace culvert::ctl {
namespace {

std::optional<int> digits(std::string_view text, std::size_t start, std::size_t count) {
  int value = 0;
  const char* begin = text.data() + start;
  const auto [end, error] = std::from_chars(begin, begin + count, value);
  return error == std::errc{} && end == begin + count && value >= 0 ? std::optional(value)
                                                                    : std::nullopt;
}

}  // namespace

std::optional<WallClock> parse_rfc3339(std::string_view text) {
  if (text.size() < 20 || text.back() != 'Z' || text[10] != 'T' ||
      (text.size() > 20 && text[19] != '.')) {
    return std::nullopt;
  }
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2);
  const auto minute = digits(text, 14, 2);
  const auto second = digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) {
    return std::nullopt;
  }
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second);
}

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
