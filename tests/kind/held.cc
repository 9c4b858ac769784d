// SPDX-License-Identifier: Apache-2.0
#include "tests/kind/held.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

namespace culvert::lab {

namespace {

constexpr Milliseconds kOpenTime = 15s;
constexpr int kCut = 3;  // the exit code of culvert-load

}  // namespace

Held::Held(const Town& town, const std::string& from, const std::string& to)
    : log_(std::filesystem::temp_directory_path() /
           fmt::format("culvert-held-{}-{}.log", ::getpid(), from)),
      process_(Process::start({}, town.exec(from, {"culvert-load", "hold", town.ip(to), kEchoPort}),
                              log_)) {}

Held::~Held() {
  process_.kill();
  std::filesystem::remove(log_);
}

bool Held::opened() const {
  return eventually(kOpenTime, [&] { return log().contains("\"opened\": true"); });
}

bool Held::is_cut_within(Milliseconds limit) {
  return process_.wait(limit) == kCut;
}

}  // namespace culvert::lab
