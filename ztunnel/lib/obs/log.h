// Logging: lines in the form that Istio's ztunnel writes (text or JSON), from any thread, through a
// bounded queue that drops and counts instead of blocking. The one process-wide object of the code
// base: a log line must be possible anywhere. What a line means is the caller's business.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::obs {

// 4096 lines: a burst of 0.4 s at 10,000 connections a second; the queue takes about 1.6 MiB.
inline constexpr std::size_t kLogQueueLines = 4096;
// 16 KiB a line: longer than any line of ours; what finds no room is cut and marked.
inline constexpr std::size_t kLogLineBytesMax = 16 * 1024;

enum class Level : std::uint8_t { off, error, warn, info, debug, trace };
enum class LogFormat : std::uint8_t { text, json };

std::string_view name(Level level);
// parse_level reads "error", "warn", "info", "debug", "trace" or "off". Fails with `config`.
Result<Level> parse_level(std::string_view text);
// parse_log_format reads "text" (or "plain") or "json". Fails with `config`.
Result<LogFormat> parse_log_format(std::string_view text);

struct LogConfig {
  LogFormat format = LogFormat::text;
  std::string level = "info";  // as set_levels takes it: "info" or "info,proxy=debug"
  int fd = 2;                  // borrowed; written by the log's own thread
  // With a sink, lines (each with its newline) go to it on the thread that logs, and no queue or
  // thread exists.
  std::function<void(std::string_view)> sink;
};

// LogSession keeps the log running; its destructor writes what is queued and stops the thread.
// Lines before and after a session go straight to stderr, warnings and errors only.
class LogSession {
 public:
  LogSession(LogSession&&) noexcept;
  LogSession& operator=(LogSession&&) = delete;
  ~LogSession();

 private:
  friend Result<LogSession> setup(LogConfig config);
  explicit LogSession(bool active) : active_(active) {}
  bool active_;
};

// setup starts the log; one session at a time. Fails with `config` when `level` can't be read.
Result<LogSession> setup(LogConfig config);

// Field is one key and value of a line. Text is quoted, addresses and numbers are not. It borrows
// what it is made from: use it only within the call that it is an argument of.
class Field {
 public:
  Field(std::string_view key, std::string_view text)
      : key_(key), text_(text), kind_(Kind::quoted) {}
  Field(std::string_view key, const std::string& text) : Field(key, std::string_view(text)) {}
  Field(std::string_view key, const char* text) : Field(key, std::string_view(text)) {}
  Field(std::string_view key, const IpAddress& address)
      : key_(key), owned_(to_string(address)), kind_(Kind::bare) {}
  Field(std::string_view key, const SocketAddress& address)
      : key_(key), owned_(to_string(address)), kind_(Kind::bare) {}
  Field(std::string_view key, const Error& error)
      : key_(key), owned_(to_string(error)), kind_(Kind::quoted) {}
  Field(std::string_view key, std::chrono::milliseconds duration)
      : key_(key), owned_(std::to_string(duration.count()) + "ms"), kind_(Kind::quoted) {}
  Field(std::string_view key, bool value) : key_(key), text_(value ? "true" : "false") {}
  template <std::integral T>
    requires(!std::same_as<T, bool>)
  Field(std::string_view key, T value) : key_(key), owned_(std::to_string(value)) {}

  // How the value is written: `literal` is a number or truth value in both forms; `bare` is text
  // that the text form leaves unquoted.
  enum class Kind : std::uint8_t { literal, bare, quoted };

  std::string_view key() const { return key_; }
  std::string_view value() const { return owned_.empty() ? text_ : owned_; }
  Kind kind() const { return kind_; }

 private:
  std::string_view key_;
  std::string_view text_;
  std::string owned_;
  Kind kind_ = Kind::literal;
};

// enabled tells whether a line would be written; use it before building a costly message.
// Lock-free.
bool enabled(Level level, std::string_view scope);

// log writes one line: time, level, scope, message, fields. `scope` is a path of nouns as in
// "proxy::inbound". Never blocks; a line that finds the queue full pushes out the oldest one.
//   obs::log(Level::info, "enrol", "pod enrolled", {{"pod", name}, {"netns", inode}});
void log(Level level, std::string_view scope, std::string_view message,
         std::initializer_list<Field> fields = {});
void log(Level level, std::string_view scope, std::string_view message,
         std::span<const Field> fields);

// dropped_lines is the number of lines that the full queue lost since setup.
std::uint64_t dropped_lines();

// set_levels takes "info" (the default level), "scope=debug" or a comma list of both, and changes
// only what it names. A scope counts for the scopes below it ("proxy" for "proxy::inbound"); the
// longest wins. Fails with `config` and changes nothing if any part can't be read or more than
// kLogScopesMax scopes would be set.
Result<> set_levels(std::string_view spec);
inline constexpr std::size_t kLogScopesMax = 64;
// reset_levels returns to what setup was given.
void reset_levels();
// current_levels gives the levels in the form that set_levels takes: "info,proxy=debug".
std::string current_levels();

// RateLimitedLog writes at most one line per kind of offence and interval, so that no peer can fill
// the log; the next line that passes tells how many were held back. For one thread.
class RateLimitedLog {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  struct Options {
    Level level = Level::warn;
    std::string scope;
    std::chrono::seconds interval{10};
  };
  // 64 kinds: kinds are names in our code; beyond it all the rest share one.
  static constexpr std::size_t kKindsMax = 64;

  explicit RateLimitedLog(Options options) : options_(std::move(options)) {}

  // log writes the line or counts it. Returns whether it was written.
  bool log(TimePoint now, std::string_view kind, std::string_view message,
           std::initializer_list<Field> fields = {});

 private:
  struct Kind {
    TimePoint next{};
    std::uint64_t held_back = 0;
  };
  Options options_;
  std::map<std::string, Kind, std::less<>> kinds_;
};

}  // namespace culvert::obs
