// culvert-lab: what tools/demo runs. Brings the demo's mesh up, checks it, keeps it or takes it
// down.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <string>

#include "tests/support/lab/demo.h"

namespace {

constexpr const char* kUsage =
    "culvert-lab demo [--keep] [--bench]   the demo; exit code 0 when every step held\n"
    "culvert-lab down                      removes every trace of it\n";

int take_down() {
  const auto grounds =
      culvert::lab::Grounds::existing("cv-" + std::string(culvert::lab::kDemoName));
  grounds.clear();
  const auto left = grounds.left_overs();
  for (const std::string& what : left) {
    fmt::print(stderr, "culvert-lab: could not remove {}\n", what);
  }
  return left.empty() ? 0 : 1;
}

int show(bool keep, bool bench) {
  bool good = false;
  culvert::lab::outlive_us(keep);
  {
    culvert::lab::Demo demo;
    good = demo.run_all();
    if (bench && good) {
      good = demo.measure();
    }
    if (keep) {
      demo.keep();
      return good ? 0 : 1;
    }
  }
  const bool clean = take_down() == 0;
  fmt::print("{}\n",
             good && clean ? "every step held, and nothing is left behind" : "the demo FAILED");
  return good && clean ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  bool keep = false;
  bool bench = false;
  for (int i = 2; i < argc; ++i) {
    keep |= std::string(argv[i]) == "--keep";
    bench |= std::string(argv[i]) == "--bench";
  }
  try {
    if (verb == "demo") {
      return show(keep, bench);
    }
    if (verb == "down") {
      return take_down();
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "culvert-lab: {}\n", error.what());
    return 1;
  }
  std::fputs(kUsage, stderr);
  return 2;
}
