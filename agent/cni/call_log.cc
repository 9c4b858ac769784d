// SPDX-License-Identifier: Apache-2.0
#include "agent/cni/call_log.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>
#include <ctime>

#include "ztunnel/lib/base/fd.h"

namespace culvert::cni {

namespace {

std::string time_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::string text(sizeof("2026-01-01T00:00:00Z"), '\0');
  text.resize(std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts));
  return text;
}

}  // namespace

void log_call(const Call& call, const Answer& answer, std::chrono::nanoseconds took) {
  if (call.log_file.empty()) {
    return;
  }
  struct stat status{};
  if (::stat(call.log_file.c_str(), &status) == 0 &&
      static_cast<std::size_t>(status.st_size) > kLogBytesMax) {
    (void)std::rename(call.log_file.c_str(), (call.log_file + ".1").c_str());
  }
  const Json line = {{"time", time_text()},
                     {"command", call.command_text},
                     {"container", call.container},
                     {"pod", call.pod_text()},
                     {"status", answer.status},
                     {"outcome", answer.note},
                     {"ms", std::chrono::duration_cast<std::chrono::milliseconds>(took).count()}};
  const std::string text = line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  const Fd file(::open(call.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  // One write: lines of calls at the same time do not mix.
  (void)!::write(file.get(), text.data(), text.size());
}

}  // namespace culvert::cni
