// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/base/rfc3339.h"

#include <fmt/chrono.h>

#include <charconv>

namespace culvert {
namespace {

std::optional<int> digits(std::string_view text, std::size_t start, std::size_t count) {
  int value = 0;
  const char* begin = text.data() + start;
  const auto [end, error] = std::from_chars(begin, begin + count, value);
  return error == std::errc{} && end == begin + count && value >= 0 ? std::optional(value)
                                                                    : std::nullopt;
}

}  // namespace

std::optional<std::chrono::sys_seconds> parse_rfc3339(std::string_view text) {
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

std::string to_rfc3339(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

}  // namespace culvert
