// What a test's rooms log, kept to be counted.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "ztunnel/lib/control/protobuf_log.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::protocol {

class LogLines {
 public:
  LogLines() { control::silence_protobuf_log(); }  // as the daemons do

  std::size_t with(std::string_view words) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        lines_, [&](const std::string& line) { return line.find(words) != std::string::npos; }));
  }
  std::size_t count() const { return lines_.size(); }
  std::string all() const {
    std::string text;
    for (const auto& line : lines_) {
      text += line;
    }
    return text;
  }

 private:
  std::vector<std::string> lines_;
  obs::LogSession session_ =
      *obs::setup({.sink = [this](std::string_view line) { lines_.emplace_back(line); }});
};

}  // namespace culvert::protocol
