// The log behind log.h: spdlog's bounded queue and thread under lines that line.cc builds.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/obs/log.h"

#include <fmt/format.h>
#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <vector>

#include "ztunnel/lib/base/assert.h"
#include "ztunnel/lib/obs/levels.h"
#include "ztunnel/lib/obs/line.h"

namespace culvert::obs {
namespace {

// Writes the whole of `line`; a log that can't be written is given up, there is nobody to tell.
void write_fully(int fd, std::string_view line) {
  while (!line.empty()) {
    const ssize_t written = ::write(fd, line.data(), line.size());
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return;
    }
    line.remove_prefix(static_cast<std::size_t>(written));
  }
}

// The last stop of a line, on spdlog's thread. The payload is the finished line.
class FdSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  FdSink(int fd, LogFormat format) : fd_(fd), format_(format) {}
  // `pool` is the one whose thread calls this sink, so it lives whenever it is asked here.
  void watch(spdlog::details::thread_pool& pool) { pool_ = &pool; }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    report_drops(message.time);
    write_fully(fd_, {message.payload.data(), message.payload.size()});
  }
  void flush_() override {}

  void report_drops(spdlog::log_clock::time_point time) {
    const std::uint64_t dropped = pool_->overrun_counter();
    if (dropped == reported_) {
      return;
    }
    LineWriter line(format_);
    line.begin(time, Level::warn, "log", "lines were lost because the log's reader is too slow");
    line.field({"lines", dropped - reported_});
    reported_ = dropped;
    write_fully(fd_, line.finish());
  }

  int fd_;
  LogFormat format_;
  std::uint64_t reported_ = 0;
  spdlog::details::thread_pool* pool_ = nullptr;
};

// What a session consists of. Immutable once published; `pool` and `logger` are thread-safe.
struct Output {
  LogFormat format = LogFormat::text;
  std::function<void(std::string_view)> sink;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

struct Log {
  // Readers take both pointers without a lock. What they pointed to before is kept until the
  // process ends: a reader may be in it. An operator's level change or a session costs some hundred
  // bytes.
  std::atomic<const LevelTable*> levels{nullptr};
  std::atomic<const Output*> output{nullptr};
  std::atomic<Level> most_verbose{Level::warn};

  std::mutex mutex;  // guards what follows
  std::vector<std::unique_ptr<const LevelTable>> tables;
  std::vector<std::unique_ptr<Output>> outputs;
  LevelTable initial;

  void publish(LevelTable table) {
    most_verbose.store(table.most_verbose(), std::memory_order_relaxed);
    tables.push_back(std::make_unique<const LevelTable>(std::move(table)));
    levels.store(tables.back().get(), std::memory_order_release);
  }
};

// Reached from every thread until the very end, hence never destroyed.
Log& the_log() {
  static Log& log = *new Log;
  return log;
}

void start_writer(Output& output, int fd) {
  auto sink = std::make_shared<FdSink>(fd, output.format);
  output.pool = std::make_shared<spdlog::details::thread_pool>(kLogQueueLines, 1);
  sink->watch(*output.pool);
  output.logger = std::make_shared<spdlog::async_logger>(
      "culvert", std::move(sink), output.pool, spdlog::async_overflow_policy::overrun_oldest);
  // What spdlog could complain of is a line that comes after the session's end.
  output.logger->set_error_handler([](const std::string&) {});
}

void emit(Level level, std::string_view line) {
  const Output* output = the_log().output.load(std::memory_order_acquire);
  if (output == nullptr) {
    if (level <= Level::warn) {
      write_fully(STDERR_FILENO, line);
    }
  } else if (output->sink) {
    output->sink(line);
  } else {
    output->logger->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  }
}

}  // namespace

Result<LogSession> setup(LogConfig config) {
  Log& log = the_log();
  const std::lock_guard lock(log.mutex);
  CULVERT_ASSERT(log.output.load() == nullptr);
  TRY(LevelTable table, LevelTable().changed(config.level));
  log.initial = table;
  log.publish(std::move(table));
  auto output = std::make_unique<Output>();
  output->format = config.format;
  output->sink = std::move(config.sink);
  if (!output->sink) {
    start_writer(*output, config.fd);
  }
  log.output.store(output.get(), std::memory_order_release);
  log.outputs.push_back(std::move(output));
  return LogSession(true);
}

LogSession::LogSession(LogSession&& other) noexcept
    : active_(std::exchange(other.active_, false)) {}

LogSession::~LogSession() {
  if (!active_) {
    return;
  }
  Log& log = the_log();
  const std::lock_guard lock(log.mutex);
  log.output.store(nullptr, std::memory_order_release);
  Output& output = *log.outputs.back();
  // The pool's destructor writes what is queued and joins. A thread that logs at this very moment
  // finds a logger whose pool has gone; spdlog then drops the line.
  output.pool.reset();
  log.most_verbose.store(Level::warn, std::memory_order_relaxed);
}

bool enabled(Level level, std::string_view scope) {
  Log& log = the_log();
  if (level > log.most_verbose.load(std::memory_order_relaxed)) {
    return false;
  }
  const LevelTable* levels = log.levels.load(std::memory_order_acquire);
  return level <= (levels == nullptr ? Level::warn : levels->of(scope));
}

void log(Level level, std::string_view scope, std::string_view message,
         std::initializer_list<Field> fields) {
  log(level, scope, message, std::span<const Field>(fields.begin(), fields.size()));
}

void log(Level level, std::string_view scope, std::string_view message,
         std::span<const Field> fields) {
  if (!enabled(level, scope)) {
    return;
  }
  const Output* output = the_log().output.load(std::memory_order_acquire);
  LineWriter line(output == nullptr ? LogFormat::text : output->format);
  line.begin(std::chrono::system_clock::now(), level, scope, message);
  for (const Field& field : fields) {
    line.field(field);
  }
  emit(level, line.finish());
}

std::uint64_t dropped_lines() {
  Log& log = the_log();
  const std::lock_guard lock(log.mutex);
  const bool queued = log.output.load() != nullptr && log.outputs.back()->pool != nullptr;
  return queued ? log.outputs.back()->pool->overrun_counter() : 0;
}

Result<> set_levels(std::string_view spec) {
  Log& log = the_log();
  const std::lock_guard lock(log.mutex);
  const LevelTable* current = log.levels.load();
  TRY(LevelTable table, (current == nullptr ? LevelTable() : *current).changed(spec));
  log.publish(std::move(table));
  return {};
}

void reset_levels() {
  Log& log = the_log();
  const std::lock_guard lock(log.mutex);
  log.publish(log.initial);
}

std::string current_levels() {
  const LevelTable* levels = the_log().levels.load(std::memory_order_acquire);
  return levels == nullptr ? std::string(name(Level::warn)) : levels->spec();
}

}  // namespace culvert::obs
