// Levels by scope, as `POST /logging?level=…` and --log-level write them.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/obs/levels.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace culvert::obs {
namespace {

constexpr std::array<std::string_view, 6> kLevelNames = {"off",  "error", "warn",
                                                         "info", "debug", "trace"};

}  // namespace

std::string_view name(Level level) {
  return kLevelNames[static_cast<std::size_t>(level)];
}

Result<Level> parse_level(std::string_view text) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    const std::string_view known = kLevelNames[i];
    if (std::ranges::equal(text, known, [](char a, char b) {
          return std::tolower(static_cast<unsigned char>(a)) == b;
        })) {
      return static_cast<Level>(i);
    }
  }
  return fail(
      Errc::config,
      fmt::format("\"{}\" is no log level: write error, warn, info, debug, trace or off", text));
}

Result<LogFormat> parse_log_format(std::string_view text) {
  if (text == "text" || text == "plain") {
    return LogFormat::text;
  }
  if (text == "json") {
    return LogFormat::json;
  }
  return fail(Errc::config, fmt::format("\"{}\" is no log format: write text or json", text));
}

Result<LevelTable> LevelTable::changed(std::string_view spec) const {
  LevelTable table = *this;
  while (!spec.empty()) {
    const std::string_view part = spec.substr(0, spec.find(','));
    spec.remove_prefix(std::min(spec.size(), part.size() + 1));
    const std::size_t equals = part.find('=');
    TRY(const Level level,
        parse_level(equals == std::string_view::npos ? part : part.substr(equals + 1)));
    if (equals == std::string_view::npos) {
      table.default_ = level;
    } else if (equals == 0) {
      return fail(Errc::config, fmt::format("\"{}\" names no scope: write scope=level", part));
    } else {
      table.scopes_.insert_or_assign(std::string(part.substr(0, equals)), level);
    }
  }
  if (table.scopes_.size() > kLogScopesMax) {
    return fail(Errc::config, fmt::format("more than {} scopes would have a level of their own: "
                                          "reset the levels first",
                                          kLogScopesMax));
  }
  return table;
}

Level LevelTable::of(std::string_view scope) const {
  while (!scopes_.empty()) {
    if (const auto found = scopes_.find(scope); found != scopes_.end()) {
      return found->second;
    }
    const std::size_t parent = scope.rfind("::");
    if (parent == std::string_view::npos) {
      break;
    }
    scope = scope.substr(0, parent);
  }
  return default_;
}

Level LevelTable::most_verbose() const {
  Level highest = default_;
  for (const auto& [scope, level] : scopes_) {
    highest = std::max(highest, level);
  }
  return highest;
}

std::string LevelTable::spec() const {
  std::string text(name(default_));
  for (const auto& [scope, level] : scopes_) {
    text += fmt::format(",{}={}", scope, name(level));
  }
  return text;
}

}  // namespace culvert::obs
