// Aligning by code points: names are ASCII in Kubernetes, but a file may hold anything.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/table.h"

#include <algorithm>

namespace culvert::ctl {
namespace {

constexpr std::string_view kReset = "\x1b[0m";
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kGap = "   ";

std::string_view code_of(Tone tone) {
  switch (tone) {
    case Tone::good: return "\x1b[32m";
    case Tone::bad: return "\x1b[31m";
    case Tone::faint: return "\x1b[2m";
    case Tone::plain: break;
  }
  return "";
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string shown(const Cell& cell) {
  return cell.text.empty() ? "-" : printable(cell.text);
}

bool is_numeric(const Table& table, std::size_t column) {
  return std::ranges::find(table.numeric, column) != table.numeric.end();
}

void append_cell(std::string& line, std::string_view text, std::string_view painted,
                 std::size_t width, bool right, bool last) {
  const std::string padding(width - width_of(text), ' ');
  if (right) {
    line += padding;
  }
  line += painted;
  if (!right && !last) {
    line += padding;
  }
  if (!last) {
    line += kGap;
  }
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(
      out, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return out;
}

std::string paint(std::string_view text, Tone tone, bool colour) {
  if (!colour || tone == Tone::plain) {
    return std::string(text);
  }
  return std::string(code_of(tone)) + std::string(text) + std::string(kReset);
}

std::string render(const Table& table, bool colour) {
  std::vector<std::size_t> widths;
  widths.reserve(table.columns.size());
  for (const std::string& heading : table.columns) {
    widths.push_back(width_of(heading));
  }
  for (const Row& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], width_of(shown(row[i])));
    }
  }
  std::string out;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const std::string& heading = table.columns[i];
    const std::string painted =
        colour ? std::string(kBold) + heading + std::string(kReset) : heading;
    append_cell(out, heading, painted, widths[i], is_numeric(table, i), i + 1 == widths.size());
  }
  out += '\n';
  for (const Row& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string text = shown(row[i]);
      append_cell(out, text, paint(text, row[i].tone, colour), widths[i], is_numeric(table, i),
                  i + 1 == row.size());
    }
    out += '\n';
  }
  return out;
}

}  // namespace culvert::ctl
