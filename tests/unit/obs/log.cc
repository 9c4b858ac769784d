// The form of log lines, their escaping, and the queue that never blocks.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/obs/log.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>

#include "tests/unit/obs/captured_log.h"
#include "ztunnel/lib/base/fd.h"

namespace culvert::obs {
namespace {

std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; (n = ::read(fd, buffer, sizeof(buffer))) > 0;) {
    text.append(buffer, static_cast<std::size_t>(n));
  }
  return text;
}

TEST_CASE("a text line is time, level, scope, message and fields, parted by tabs") {
  CapturedLog out(LogFormat::text);
  log(Level::warn, "proxy::inbound", "client refused",
      {{"src.addr", SocketAddress::parse("10.0.0.1:4000").value()},
       {"name", "a"},
       {"count", 3},
       {"ready", true},
       {"took", std::chrono::milliseconds(15)}});
  CHECK(out.after_time() ==
        "warn\tproxy::inbound\tclient refused\t"
        "src.addr=10.0.0.1:4000 name=\"a\" count=3 ready=true took=\"15ms\"\n");
  // 2026-01-02T03:04:05.678901Z
  const std::string time = out.text().substr(0, out.text().find('\t'));
  CHECK(time.size() == 27);
  CHECK(time[10] == 'T');
  CHECK(time[19] == '.');
  CHECK(time.back() == 'Z');
}

TEST_CASE("a line without fields ends with its message") {
  CapturedLog out(LogFormat::text);
  log(Level::info, "main", "started");
  CHECK(out.after_time() == "info\tmain\tstarted\n");
}

TEST_CASE("a JSON line has level, time, scope and message first and keeps numbers bare") {
  CapturedLog out(LogFormat::json);
  log(Level::info, "main", "started",
      {{"port", 15008}, {"addr", IpAddress::loopback_v4()}, {"node", "n\"1"}});
  CHECK(out.text().starts_with(R"({"level":"info","time":"20)"));
  CHECK(out.text().ends_with(
      R"(","scope":"main","message":"started","port":15008,"addr":"127.0.0.1","node":"n\"1"})"
      "\n"));
}

TEST_CASE("no value can forge a line or reach the terminal") {
  CapturedLog out(LogFormat::text);
  log(Level::error, "proxy", "bad\nline",
      {{"name", std::string("x\r\n\x1b[31m\0\xff\xc3\xa9", 12)}});
  CHECK(out.after_time() ==
        "error\tproxy\tbad\\nline\tname=\"x\\u000d\\n\\u001b[31m\\u0000\xef\xbf\xbd\xc3\xa9\"\n");
}

TEST_CASE("a value that does not fit a line is cut and marked") {
  CapturedLog out(LogFormat::json);
  log(Level::info, "main", "big",
      {{"value", std::string(2 * kLogLineBytesMax, 'x')}, {"next", "y"}});
  CHECK(out.text().size() < kLogLineBytesMax + 64);
  CHECK(out.text().ends_with("x…\",\"next\":\"…\"}\n"));
}

TEST_CASE("the end of a session writes what is queued, in order") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  {
    auto session = setup({.fd = writer.get()});
    REQUIRE(session);
    for (int i = 0; i < 100; ++i) {
      log(Level::info, "main", "line", {{"i", i}});
    }
  }
  writer.reset();
  const std::string text = read_all(reader.get());
  CHECK(text.find("i=0\n") < text.find("i=99\n"));
  CHECK(std::count(text.begin(), text.end(), '\n') == 100);
}

TEST_CASE("a reader that is asleep costs lines, never time, and the loss is counted and told") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  std::string text;
  const std::string pad(200, 'x');
  {
    auto session = setup({.fd = writer.get()});
    REQUIRE(session);
    // The pipe holds 64 KiB and nobody reads: the log's thread hangs in write, this one does not.
    for (std::size_t i = 0; i < 3 * kLogQueueLines; ++i) {
      log(Level::info, "main", pad);
    }
    CHECK(dropped_lines() > 0);
    // Wake up: read until the session's destructor has written the rest.
    std::thread sleepy([&] { text = read_all(reader.get()); });
    {
      const LogSession ended = std::move(*session);
    }
    writer.reset();
    sleepy.join();
  }
  CHECK(text.find("warn\tlog\tlines were lost because the log's reader is too slow\tlines=") !=
        std::string::npos);
}

TEST_CASE("a session needs levels that can be read") {
  const auto session = setup({.level = "loud"});
  REQUIRE(!session);
  CHECK(session.error().code == Errc::config);
  CHECK(to_string(session.error()) ==
        "\"loud\" is no log level: write error, warn, info, debug, trace or off");
}

}  // namespace
}  // namespace culvert::obs
