// The lines of a check, for eyes and for programs.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/check/line.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "tools/culvertctl/table.h"

namespace culvert::ctl {
namespace {

struct Look {
  const char* sign;
  const char* word;  // in JSON
  Tone tone;
};

Look look_of(LineState state) {
  switch (state) {
    case LineState::good: return {"✔", "good", Tone::good};
    case LineState::warning: return {"!", "warning", Tone::plain};
    case LineState::failed: return {"✘", "failed", Tone::bad};
    case LineState::skipped: return {"-", "skipped", Tone::faint};
  }
  return {"?", "", Tone::plain};
}

std::string summary(const Lines& lines, bool colour) {
  const auto count = [&](LineState state) {
    return std::ranges::count(lines, state, &Line::state);
  };
  const auto failed = count(LineState::failed);
  const auto warnings = count(LineState::warning);
  std::string text = failed == 0 ? "all is well" : fmt::format("{} failed", failed);
  if (warnings > 0) {
    text += fmt::format(", {} {}", warnings, warnings == 1 ? "warning" : "warnings");
  }
  return paint(text, failed == 0 ? Tone::good : Tone::bad, colour);
}

std::string heading(const Line& line) {
  return line.node.empty() ? line.group : fmt::format("{} on {}", line.group, line.node);
}

constexpr LineState kStates[] = {LineState::good, LineState::warning, LineState::failed,
                                 LineState::skipped};

}  // namespace

Verdict good(std::string reason) {
  return {.state = LineState::good, .reason = std::move(reason)};
}
Verdict warning(std::string reason, std::string next_step) {
  return {LineState::warning, std::move(reason), std::move(next_step)};
}
Verdict failed(std::string reason, std::string next_step) {
  return {LineState::failed, std::move(reason), std::move(next_step)};
}
Verdict skipped(std::string reason) {
  return {.state = LineState::skipped, .reason = std::move(reason)};
}
Line line(std::string_view group, std::string_view name, Verdict verdict) {
  return {std::string(group), std::string(name), verdict.state, std::move(verdict.reason),
          std::move(verdict.next_step)};
}

std::string render(const Lines& lines, bool colour) {
  std::size_t width = 0;
  for (const Line& line : lines) {
    width = std::max(width, line.name.size());
  }
  std::string out;
  std::string group;
  for (const Line& line : lines) {
    if (const auto next = heading(line); next != group) {
      out += fmt::format("{}{}\n", group.empty() ? "" : "\n", printable(next));
      group = next;
    }
    const Look look = look_of(line.state);
    out +=
        fmt::format("  {} {:<{}}  {}\n", paint(look.sign, look.tone, colour), printable(line.name),
                    width, paint(printable(line.reason), look.tone, colour));
    if (!line.next_step.empty()) {
      out += fmt::format("    {:<{}}  → {}\n", "", width, printable(line.next_step));
    }
  }
  return out + "\n" + summary(lines, colour) + "\n";
}

std::string to_json(const Lines& lines) {
  Json all = Json::array();
  for (const Line& line : lines) {
    Json one = {{"group", line.group},
                {"name", line.name},
                {"state", look_of(line.state).word},
                {"reason", line.reason},
                {"nextStep", line.next_step}};
    if (!line.node.empty()) {
      one["node"] = line.node;
    }
    all.push_back(std::move(one));
  }
  const Json root = {{"ok", !has_failed(lines)}, {"checks", std::move(all)}};
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Lines lines_in(const Json& root, const std::string& node) {
  Lines lines;
  for (const Json& one : objects_in(field(root, "checks"))) {
    const auto word = text(one, "state");
    const auto* const state = std::ranges::find(
        kStates, word, [](LineState known) { return std::string(look_of(known).word); });
    lines.push_back({.group = text(one, "group"),
                     .name = text(one, "name"),
                     // A culvertctl of another version may know of more.
                     .state = state == std::end(kStates) ? LineState::warning : *state,
                     .reason = text(one, "reason"),
                     .next_step = text(one, "nextStep"),
                     .node = node});
  }
  return lines;
}

bool has_failed(const Lines& lines) {
  return std::ranges::find(lines, LineState::failed, &Line::state) != lines.end();
}

}  // namespace culvert::ctl
