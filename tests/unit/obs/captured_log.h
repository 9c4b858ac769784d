// CapturedLog: a log session whose lines a test can read.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>

#include "ztunnel/lib/obs/log.h"

namespace culvert::obs {

class CapturedLog {
 public:
  explicit CapturedLog(LogFormat format, std::string level = "info")
      : session_(start({.format = format,
                        .level = std::move(level),
                        .fd = -1,
                        .sink = [this](std::string_view line) { text_ += line; }})) {}

  const std::string& text() const { return text_; }
  // after_time gives the first line without its time, which is not the test's to choose.
  std::string after_time() const { return text_.substr(text_.find('\t') + 1); }

 private:
  static LogSession start(LogConfig config) {
    auto session = setup(std::move(config));
    REQUIRE(session);
    return std::move(*session);
  }
  std::string text_;
  LogSession session_;
};

}  // namespace culvert::obs
