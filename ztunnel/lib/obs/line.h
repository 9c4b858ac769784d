// LineWriter: builds one log line in either form. Everything that came from outside is escaped, so
// that no peer can forge a line or colour a terminal.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "ztunnel/lib/obs/log.h"

namespace culvert::obs {

// append_escaped writes `text` as the inside of a JSON string: quotes, backslashes and control
// characters escaped, bytes that are not UTF-8 replaced by U+FFFD.
void append_escaped(std::string& out, std::string_view text);

class LineWriter {
 public:
  explicit LineWriter(LogFormat format) : format_(format) {}

  // begin starts the line. The time is wall clock, written in UTC with microseconds.
  void begin(std::chrono::system_clock::time_point time, Level level, std::string_view scope,
             std::string_view message);
  void field(const Field& field);
  // finish ends the line with its newline. Past kLogLineBytesMax, values were cut and marked with
  // "…".
  std::string finish();

 private:
  LogFormat format_;
  std::string line_;
};

}  // namespace culvert::obs
