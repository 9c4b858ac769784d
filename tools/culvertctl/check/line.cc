// The lines of a check, for eyes and for programs.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/check/line.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/culvertctl/fields.h"
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

}  // namespace

std::string render(const Lines& lines, bool colour) {
  std::size_t width = 0;
  for (const Line& line : lines) {
    width = std::max(width, line.name.size());
  }
  std::string out;
  std::string_view group;
  for (const Line& line : lines) {
    if (line.group != group) {
      out += fmt::format("{}{}\n", group.empty() ? "" : "\n", line.group);
      group = line.group;
    }
    const Look look = look_of(line.state);
    out += fmt::format("  {} {:<{}}  {}\n", paint(look.sign, look.tone, colour), line.name, width,
                       paint(printable(line.reason), look.tone, colour));
    if (!line.next_step.empty()) {
      out += fmt::format("    {:<{}}  → {}\n", "", width, printable(line.next_step));
    }
  }
  return out + "\n" + summary(lines, colour) + "\n";
}

std::string to_json(const Lines& lines) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const Line& line : lines) {
    all.push_back({{"group", line.group},
                   {"name", line.name},
                   {"state", look_of(line.state).word},
                   {"reason", line.reason},
                   {"nextStep", line.next_step}});
  }
  const nlohmann::ordered_json root = {{"ok", !has_failed(lines)}, {"checks", std::move(all)}};
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

bool has_failed(const Lines& lines) {
  return std::ranges::find(lines, LineState::failed, &Line::state) != lines.end();
}

}  // namespace culvert::ctl
