// The serving side: a thread per connection, so that it is never the thing that is measured being
// clever.
// SPDX-License-Identifier: Apache-2.0
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/support/load/protocol.h"

namespace culvert::load {

namespace {

constexpr int kBacklog = 4096;

void converse(Fd connection);
void echo(int fd);
void sink(int fd);

}  // namespace

int serve(int port) {
  const Fd listener(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(static_cast<std::uint16_t>(port));
  if (::bind(listener.get(), reinterpret_cast<const sockaddr*>(&any), sizeof(any)) != 0 ||
      ::listen(listener.get(), kBacklog) != 0) {
    std::fprintf(stderr, "culvert-load: port %d: %s\n", port, std::strerror(errno));
    return 1;
  }
  while (true) {
    Fd connection(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (connection) {
      std::thread(converse, std::move(connection)).detach();
    }
  }
}

bool send_all(int fd, std::span<const char> bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) {
      continue;
    }
    if (sent <= 0) {
      return false;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return true;
}

bool receive_all(int fd, std::span<char> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::recv(fd, bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      return false;
    }
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

namespace {

void converse(Fd connection) {
  const int on = 1;
  ::setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  char wish = 0;
  if (!receive_all(connection.get(), {&wish, 1})) {
    return;
  }
  if (wish == kEcho) {
    echo(connection.get());
  } else if (wish == kSink) {
    sink(connection.get());
  } else {
    // A reader that sleeps: only the peer's end of the connection ends this one.
    ::setsockopt(connection.get(), SOL_SOCKET, SO_RCVBUF, &kSleeperSocketBytes,
                 sizeof(kSleeperSocketBytes));
    while (::recv(connection.get(), &wish, 1, MSG_PEEK | MSG_TRUNC) >= 0) {
      ::sleep(1);
    }
  }
}

void echo(int fd) {
  std::vector<char> buffer(64 * 1024);
  while (true) {
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (got <= 0 || !send_all(fd, {buffer.data(), static_cast<std::size_t>(got)})) {
      return;
    }
  }
}

void sink(int fd) {
  std::vector<char> buffer(kBulkBytes);
  unsigned long long total = 0;
  ssize_t got = 0;
  while ((got = ::recv(fd, buffer.data(), buffer.size(), 0)) > 0) {
    total += static_cast<unsigned long long>(got);
  }
  const std::string answer = std::to_string(total);
  send_all(fd, answer);
}

}  // namespace

}  // namespace culvert::load
