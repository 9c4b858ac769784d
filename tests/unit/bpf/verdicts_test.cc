// The table of verdicts in bpf/README.md is the table of the contract.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <cctype>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "bpf/include/culvert_abi.h"

namespace {

struct Row {
  const char* program;
  const char* name;
  const char* effect;
};
constexpr Row kRows[] = {
#define CULVERT_VERDICT_ROW(PROGRAM, NAME, program, name, EFFECT) {#program, #name, #EFFECT},
    CULVERT_VERDICTS(CULVERT_VERDICT_ROW)
#undef CULVERT_VERDICT_ROW
};

std::string lower(std::string text) {
  for (auto& letter : text) {
    letter = static_cast<char>(std::tolower(letter));
  }
  return text;
}

}  // namespace

TEST_CASE("every verdict has a row in bpf/README.md with its effect, and no row is left over") {
  std::ifstream file(CULVERT_BPF_README);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  REQUIRE_FALSE(text.empty());
  for (const auto& row : kRows) {
    const std::string start =
        std::string("| `") + row.program + "` | `" + row.name + "` | " + lower(row.effect) + " |";
    CAPTURE(start);
    CHECK(text.find(start) != std::string::npos);
  }
  std::size_t rows = 0;
  for (const char* program : {"\n| `capture` | ", "\n| `steer` | ", "\n| `passport` | "}) {
    for (auto at = text.find(program); at != std::string::npos; at = text.find(program, at + 1)) {
      ++rows;
    }
  }
  CHECK(rows == std::size(kRows));
}

TEST_CASE("no program has two verdicts of one name") {
  std::set<std::string> names;
  for (const auto& row : kRows) {
    CHECK(names.insert(std::string(row.program) + " " + row.name).second);
  }
}
