// Table: aligned columns for a person's eyes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::ctl {

enum class Tone : std::uint8_t { plain, good, bad, faint };

struct Cell {
  std::string text;  // empty is shown as "-"
  Tone tone = Tone::plain;

  Cell(std::string text_in, Tone tone_in = Tone::plain) : text(std::move(text_in)), tone(tone_in) {}
  Cell(const char* text_in) : text(text_in) {}
};

using Row = std::vector<Cell>;

// printable replaces what could move the cursor or colour the terminal by "?".
std::string printable(std::string_view text);

// paint gives `text` in the colour of `tone`, or as it is.
std::string paint(std::string_view text, Tone tone, bool colour);

struct Table {
  std::vector<std::string> columns;  // headings, in capitals
  std::vector<Row> rows;
  std::vector<std::size_t> numeric{};  // indexes of columns that are aligned to the right
};

// render writes headings and rows; nothing but the text of a last column can be longer than its
// column.
std::string render(const Table& table, bool colour);

}  // namespace culvert::ctl
