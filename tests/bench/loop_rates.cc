// Measures the event loops: the cost of an await, echo round trips and streaming over loopback, on
// each backend. Prints one line per figure; asserts no timing.
// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>

#include <cstdio>
#include <string_view>
#include <vector>

#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/net/copy.h"
#include "ztunnel/lib/net/tcp.h"

namespace culvert {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMessageBytes = 1024;
constexpr auto kRunTime = 1s;

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void print(const io::Loop& loop, std::string_view what, double value, std::string_view unit) {
  std::printf("%-6.*s %-40.*s %12.1f %.*s\n", static_cast<int>(loop.backend().size()),
              loop.backend().data(), static_cast<int>(what.size()), what.data(), value,
              static_cast<int>(unit.size()), unit.data());
}

// Runs `task` and gives the nanoseconds that each of `count` steps took.
double ns_per_step(io::Loop& loop, io::Task<> task, std::size_t count) {
  const auto start = io::Clock::now();
  if (!io::block_on(loop, std::move(task))) {
    std::abort();
  }
  return std::chrono::duration<double, std::nano>(io::Clock::now() - start).count() /
         static_cast<double>(count);
}

io::Task<int> ready_value() {
  co_return 1;
}

io::Task<> await_tasks(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    co_await ready_value();
  }
}

io::Task<> await_yields(io::Loop& loop, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    co_await loop.yield();
  }
}

struct Pair {
  std::unique_ptr<net::SocketStream> client;
  std::unique_ptr<net::SocketStream> server;
};

io::Task<Pair> connect_pair(io::Loop& loop) {
  const Fd listener = co_await net::listen_tcp({.at = {IpAddress::loopback_v4(), 0}});
  const SocketAddress to = co_await net::local_address(listener.get());
  Pair pair;
  pair.client = co_await net::connect_tcp(loop, {.to = to});
  pair.server = co_await net::accept_tcp(loop, listener.get());
  co_return pair;
}

io::Task<> ask(net::Stream& stream, std::uint64_t& count) {
  std::array<std::uint8_t, kMessageBytes> message{};
  while (true) {
    co_await stream.write_all(message);
    std::size_t got = 0;
    while (got < message.size()) {
      got += co_await stream.read_some(message);
    }
    ++count;
  }
}

io::Task<> echo(net::Stream& stream) {
  std::array<std::uint8_t, kMessageBytes> message{};
  while (const std::size_t count = co_await stream.read_some(message)) {
    co_await stream.write_all(Bytes(message).first(count));
  }
}

io::Task<> stop_after(io::Loop& loop, io::Scope& scope) {
  co_await loop.sleep(kRunTime);
  scope.cancel();
}

io::Task<> join(io::Scope& scope) {
  co_await scope.join();
}

void measure_echo(io::Loop& loop, int connections, std::string_view name) {
  std::vector<Pair> pairs;
  std::uint64_t count = 0;
  io::Scope scope(loop);
  for (int i = 0; i < connections; ++i) {
    pairs.push_back(std::move(*io::block_on(loop, connect_pair(loop))));
    scope.spawn(ask(*pairs.back().client, count));
    scope.spawn(echo(*pairs.back().server));
  }
  scope.spawn(stop_after(loop, scope));
  const double cpu = cpu_seconds();
  if (!io::block_on(loop, join(scope))) {
    std::abort();
  }
  print(loop, name, static_cast<double>(count), "round trips/s");
  print(loop, "  CPU each, both ends", (cpu_seconds() - cpu) * 1e6 / static_cast<double>(count),
        "us");
}

io::Task<> pour(net::Stream& stream) {
  const std::vector<std::uint8_t> block(65536);
  while (true) {
    co_await stream.write_all(block);
  }
}

io::Task<> drain(net::Stream& stream) {
  std::vector<std::uint8_t> block(65536);
  while (co_await stream.read_some(block) != 0) {
  }
}

void measure_copy(io::Loop& loop) {
  Pair near = std::move(*io::block_on(loop, connect_pair(loop)));
  Pair far = std::move(*io::block_on(loop, connect_pair(loop)));
  net::CopyCounters counters;
  io::Scope scope(loop);
  scope.spawn(pour(*near.client));
  scope.spawn(net::copy_both(loop, *near.server, *far.client, counters));
  scope.spawn(drain(*far.server));
  scope.spawn(stop_after(loop, scope));
  if (!io::block_on(loop, join(scope))) {
    std::abort();
  }
  print(loop, "copy_both, sender and receiver on the loop",
        static_cast<double>(counters.a_to_b_bytes) * 8 / 1e9, "Gb/s");
}

void measure(io::Loop& loop) {
  constexpr std::size_t kSteps = 2'000'000;
  print(loop, "await of a task that is ready", ns_per_step(loop, await_tasks(kSteps), kSteps),
        "ns");
  print(loop, "await of a ready leaf (one turn)",
        ns_per_step(loop, await_yields(loop, kSteps), kSteps), "ns");
  measure_echo(loop, 1, "echo of 1 KB, 1 connection");
  measure_echo(loop, 16, "echo of 1 KB, 16 connections");
  measure_echo(loop, 256, "echo of 1 KB, 256 connections");
  measure_copy(loop);
}

}  // namespace
}  // namespace culvert

int main() {
  for (const auto backend : {culvert::io::Backend::uring, culvert::io::Backend::epoll}) {
    auto loop = culvert::io::make_loop(backend);
    if (!loop) {
      std::printf("%s\n", to_string(loop.error()).c_str());
      continue;
    }
    culvert::measure(**loop);
  }
}
