// culvert-lab: what tools/demo and tools/soak run. Brings a mesh up, checks it, keeps it or takes
// it down.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/support/lab/demo.h"
#include "tests/support/lab/soak.h"

namespace {

constexpr const char* kUsage =
    "culvert-lab demo [--keep] [--bench]   the demo; exit code 0 when every step held\n"
    "culvert-lab soak MINUTES              load while pods, policies, certificates come and go\n"
    "culvert-lab down                      removes every trace of both\n";

// A pod each second, and the mesh's address plan has room for some 6,000 (mesh.cc).
constexpr int kMinutesMax = 90;

int take_down() {
  int status = 0;
  for (const auto name : {culvert::lab::kDemoName, culvert::lab::kSoakName}) {
    const auto grounds = culvert::lab::Grounds::existing("cv-" + std::string(name));
    grounds.clear();
    for (const std::string& what : grounds.left_overs()) {
      fmt::print(stderr, "culvert-lab: could not remove {}\n", what);
      status = 1;
    }
  }
  return status;
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
    if (const int minutes = argc == 3 ? std::atoi(argv[2]) : 0;
        verb == "soak" && minutes >= 1 && minutes <= kMinutesMax) {
      return culvert::lab::Soak(std::chrono::minutes(minutes)).run() ? 0 : 1;
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
