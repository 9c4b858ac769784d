// Log lines, byte by byte. The form is that of ztunnel's telemetry.rs: RFC 3339 time with
// microseconds TAB level TAB scope TAB message TAB k=v k=v; or one JSON object.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/obs/line.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

#include "ztunnel/lib/base/utf8.h"

namespace culvert::obs {
namespace {

bool is_plain(std::uint8_t c) {
  return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void append_time(std::string& out, std::chrono::system_clock::time_point time) {
  const auto micros =
      std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count();
  fmt::format_to(std::back_inserter(out), "{:%Y-%m-%dT%H:%M:%S}.{:06}Z",
                 fmt::gmtime(static_cast<std::time_t>(micros / 1'000'000)), micros % 1'000'000);
}

// Writes as much of `text` as the line has room for, with a mark where it was cut.
void append_limited(std::string& out, std::string_view text) {
  const std::size_t room = kLogLineBytesMax - std::min(out.size(), kLogLineBytesMax);
  append_escaped(out, text.substr(0, room));
  out += text.size() > room ? "…" : "";
}

// The JSON form puts every text in quotes.
void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  append_limited(out, text);
  out += '"';
}

}  // namespace

void append_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const auto c = static_cast<std::uint8_t>(text.front());
    std::size_t length = 1;
    if (is_plain(c)) {
      out += text.front();
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += text.front();
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c < 0x20 || c == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
    } else if (length = utf8_length(text); length == 0) {
      out += "\xef\xbf\xbd";
      length = 1;
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
}

void LineWriter::begin(std::chrono::system_clock::time_point time, Level level,
                       std::string_view scope, std::string_view message) {
  line_.clear();
  line_.reserve(512);  // most lines; an access log line is about 450 bytes
  if (format_ == LogFormat::json) {
    fmt::format_to(std::back_inserter(line_), R"({{"level":"{}","time":")", name(level));
    append_time(line_, time);
    line_ += R"(","scope":)";
    append_quoted(line_, scope);
    line_ += R"(,"message":)";
    append_quoted(line_, message);
    return;
  }
  append_time(line_, time);
  fmt::format_to(std::back_inserter(line_), "\t{}\t", name(level));
  append_escaped(line_, scope);
  line_ += '\t';
  append_limited(line_, message);
  line_ += '\t';
}

void LineWriter::field(const Field& field) {
  const bool quoted = field.kind() == Field::Kind::quoted;
  if (format_ == LogFormat::json) {
    line_ += ',';
    line_ += '"';
    append_escaped(line_, field.key());
    line_ += "\":";
    if (field.kind() == Field::Kind::literal) {
      line_ += field.value();
    } else {
      append_quoted(line_, field.value());
    }
    return;
  }
  if (line_.back() != '\t') {
    line_ += ' ';
  }
  line_ += field.key();
  line_ += '=';
  line_ += quoted ? "\"" : "";
  append_limited(line_, field.value());
  line_ += quoted ? "\"" : "";
}

std::string LineWriter::finish() {
  if (format_ == LogFormat::json) {
    line_ += '}';
  } else if (line_.back() == '\t') {
    line_.pop_back();  // no fields
  }
  line_ += '\n';
  return std::move(line_);
}

}  // namespace culvert::obs
