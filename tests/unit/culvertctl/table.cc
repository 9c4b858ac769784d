// Tables are read by people: alignment, empty cells, colours, and text that tries to be more.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/table.h"

#include <doctest/doctest.h>

namespace culvert::ctl {
namespace {

TEST_CASE("columns are aligned, numbers to the right, and nothing trails") {
  const Table table{{"NAME", "COUNT", "NODE"}, {{"a", "1", "n1"}, {"longer", "12345678", ""}}, {1}};
  CHECK(render(table, false) ==
        "NAME        COUNT   NODE\n"
        "a               1   n1\n"
        "longer   12345678   -\n");
}

TEST_CASE("width counts characters, not bytes") {
  const Table table{{"NAME", "X"}, {{"80→8080", "1"}, {"1234567", "2"}}};
  CHECK(render(table, false) ==
        "NAME      X\n"
        "80→8080   1\n"
        "1234567   2\n");
}

TEST_CASE("colours do not move columns, and are only there when asked for") {
  const Table table{{"STATE", "X"}, {{{"Up", Tone::good}, "1"}}};
  CHECK(render(table, true) ==
        "\x1b[1mSTATE\x1b[0m   \x1b[1mX\x1b[0m\n"
        "\x1b[32mUp\x1b[0m      1\n");
  CHECK(render(table, false) == "STATE   X\nUp      1\n");
}

TEST_CASE("text from elsewhere can't draw on the terminal") {
  const Table table{{"NAME"}, {{"a\x1b[2J\nb"}}};
  CHECK(render(table, false) == "NAME\na?[2J?b\n");
}

}  // namespace
}  // namespace culvert::ctl
