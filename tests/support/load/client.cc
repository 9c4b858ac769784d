// The asking side: measures, and counts what is lost.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/support/load/protocol.h"
#include "ztunnel/lib/base/address.h"

namespace culvert::load {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPatienceSeconds = 20;  // after that a connection counts as lost
constexpr std::size_t kSleeperBytesMax = 64ull * 1024 * 1024;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

bool echo_once(int fd, std::vector<char>& request, std::vector<char>& answer) {
  return send_all(fd, request) && receive_all(fd, answer) && answer == request;
}

}  // namespace

Fd connect_to(const std::string& address, int port) {
  const auto ip = IpAddress::parse(address);
  if (!ip) {
    errno = EINVAL;
    return Fd{};
  }
  sockaddr_storage storage{};
  const socklen_t length =
      SocketAddress{*ip, static_cast<std::uint16_t>(port)}.to_sockaddr(storage);
  Fd fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  const timeval patience{kPatienceSeconds, 0};
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0) {
    return Fd{};
  }
  return fd;
}

int measure_connections(const std::string& address, int port, int count, int parallel) {
  std::atomic<int> left = count;
  std::atomic<int> lost = 0;
  std::atomic<int> refused = 0;
  const auto start = Clock::now();
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(parallel));
  for (int i = 0; i < parallel; ++i) {
    threads.emplace_back([&] {
      std::vector<char> request(kRequestBytes, 'x');
      std::vector<char> answer(kRequestBytes);
      while (left.fetch_sub(1) > 0) {
        const Fd fd = connect_to(address, port);
        if (!fd) {
          ++refused;
        } else if (!send_all(fd.get(), {&kEcho, 1}) || !echo_once(fd.get(), request, answer)) {
          ++lost;
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const double seconds = seconds_since(start);
  fmt::print("{{\"connections\": {}, \"lost\": {}, \"refused\": {}, \"per_second\": {:.0f}}}\n",
             count, lost.load(), refused.load(), count / seconds);
  return lost == 0 && refused == 0 ? 0 : 3;
}

int measure_requests(const std::string& address, int port, int connections, int seconds) {
  std::vector<std::vector<float>> micros(static_cast<std::size_t>(connections));
  std::atomic<int> lost = 0;
  const auto start = Clock::now();
  const auto end = start + std::chrono::seconds(seconds);
  std::vector<std::thread> threads;
  threads.reserve(micros.size());
  for (auto& mine : micros) {
    threads.emplace_back([&] {
      std::vector<char> request(kRequestBytes, 'x');
      std::vector<char> answer(kRequestBytes);
      const Fd fd = connect_to(address, port);
      if (!fd || !send_all(fd.get(), {&kEcho, 1})) {
        ++lost;
        return;
      }
      while (Clock::now() < end) {
        const auto begun = Clock::now();
        if (!echo_once(fd.get(), request, answer)) {
          ++lost;
          return;
        }
        mine.push_back(std::chrono::duration<float, std::micro>(Clock::now() - begun).count());
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const double passed = seconds_since(start);
  std::vector<float> all;
  for (const auto& mine : micros) {
    all.insert(all.end(), mine.begin(), mine.end());
  }
  std::ranges::sort(all);
  const auto at = [&](double share) {
    return all.empty() ? 0
                       : all[static_cast<std::size_t>(share * static_cast<double>(all.size() - 1))];
  };
  fmt::print(
      "{{\"requests_per_second\": {:.0f}, \"lost\": {}, \"p50_us\": {:.0f}, \"p99_us\": {:.0f}}}\n",
      static_cast<double>(all.size()) / passed, lost.load(), at(0.5), at(0.99));
  return lost == 0 ? 0 : 3;
}

int measure_bulk(const std::string& address, int port, int seconds) {
  const Fd fd = connect_to(address, port);
  if (!fd || !send_all(fd.get(), {&kSink, 1})) {
    fmt::print(stderr, "culvert-load: {} port {}: {}\n", address, port, std::strerror(errno));
    return 1;
  }
  const std::vector<char> chunk(kBulkBytes, 'x');
  const auto start = Clock::now();
  unsigned long long total = 0;
  while (seconds_since(start) < seconds) {
    if (!send_all(fd.get(), chunk)) {
      fmt::print(stderr, "culvert-load: the stream broke after {} bytes: {}\n", total,
                 std::strerror(errno));
      return 3;
    }
    total += chunk.size();
  }
  ::shutdown(fd.get(), SHUT_WR);
  std::string counted(32, '\0');
  const ssize_t got = ::recv(fd.get(), counted.data(), counted.size(), 0);
  const double passed = seconds_since(start);
  counted.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  fmt::print("{{\"gigabits_per_second\": {:.2f}, \"bytes\": {}, \"arrived\": \"{}\"}}\n",
             static_cast<double>(total) * 8 / passed / 1e9, total, counted);
  return counted == std::to_string(total) ? 0 : 3;
}

// Opens `count` connections that nobody reads, fills each until it takes no more, says so and
// stays.
int keep_sleepers(const std::string& address, int port, int count) {
  std::vector<Fd> fds;
  unsigned long long swallowed = 0;
  const std::vector<char> chunk(kBulkBytes, 'x');
  for (int i = 0; i < count; ++i) {
    Fd fd = connect_to(address, port);
    if (!fd || !send_all(fd.get(), {&kSleep, 1})) {
      fmt::print(stderr, "culvert-load: sleeper {}: {}\n", i, std::strerror(errno));
      return 1;
    }
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &kSleeperSocketBytes,
                 sizeof(kSleeperSocketBytes));
    std::size_t taken = 0;
    pollfd writable{fd.get(), POLLOUT, 0};
    while (taken < kSleeperBytesMax && ::poll(&writable, 1, 50) == 1) {
      const ssize_t sent =
          ::send(fd.get(), chunk.data(), chunk.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent <= 0) {
        break;
      }
      taken += static_cast<std::size_t>(sent);
    }
    swallowed += taken;
    fds.push_back(std::move(fd));
  }
  fmt::print("{{\"sleepers\": {}, \"bytes_swallowed\": {}}}\n", count, swallowed);
  std::fflush(stdout);
  while (true) {
    ::pause();
  }
}

// One connection with a line every 50 ms; ends with code 3 and the time of its life when it is cut.
int hold_open(const std::string& address, int port) {
  const Fd fd = connect_to(address, port);
  if (!fd || !send_all(fd.get(), {&kEcho, 1})) {
    fmt::print("{{\"opened\": false, \"error\": \"{}\"}}\n", std::strerror(errno));
    return 1;
  }
  std::vector<char> request = {'c', 'a', 'n', 'a', 'r', 'y', '\n'};
  std::vector<char> answer(request.size());
  const auto start = Clock::now();
  int echoes = 0;
  while (echo_once(fd.get(), request, answer)) {
    if (++echoes == 1) {
      fmt::print("{{\"opened\": true}}\n");
      std::fflush(stdout);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  fmt::print("{{\"cut\": true, \"echoes\": {}, \"seconds\": {:.2f}, \"error\": \"{}\"}}\n", echoes,
             seconds_since(start), std::strerror(errno));
  return 3;
}

}  // namespace culvert::load
