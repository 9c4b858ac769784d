// Runs a test on every backend of the loop, and makes the sockets that tests play with.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <doctest/doctest.h>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "ztunnel/lib/io/loop.h"

namespace culvert::io {

// for_each_backend calls `test` with a fresh loop of each backend. A machine without io_uring skips
// it loudly, and fails in CI: a tier that can't run must not look like one that passed.
inline void for_each_backend(void (*test)(Loop&)) {
  for (const Backend backend : {Backend::uring, Backend::epoll}) {
    auto loop = make_loop(backend);
    if (!loop) {
      MESSAGE("skipped: " << to_string(loop.error()));
      CHECK_MESSAGE(std::getenv("CI") == nullptr, to_string(loop.error()));
      continue;
    }
    INFO("backend ", std::string((*loop)->backend()));
    test(**loop);
  }
}

struct Sockets {
  Fd a;
  Fd b;
};

inline Sockets socket_pair() {
  std::array<int, 2> fds{};
  CULVERT_ASSERT(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) == 0);
  return {Fd(fds[0]), Fd(fds[1])};
}

struct Listener {
  Fd fd;
  SocketAddress address;
};

// A TCP listener on a free port of 127.0.0.1.
inline Listener loopback_listener(int extra_flags = SOCK_NONBLOCK) {
  Listener listener{Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | extra_flags, 0)), {}};
  sockaddr_storage storage{};
  socklen_t bytes = SocketAddress{IpAddress::loopback_v4(), 0}.to_sockaddr(storage);
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  CULVERT_ASSERT(::bind(listener.fd.get(), address, bytes) == 0);
  CULVERT_ASSERT(::listen(listener.fd.get(), 128) == 0);
  CULVERT_ASSERT(::getsockname(listener.fd.get(), address, &bytes) == 0);
  listener.address = *SocketAddress::from_sockaddr(storage);
  return listener;
}

inline Fd tcp_socket() {
  return Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

// The code of a failure, nullopt of a success.
template <class T>
std::optional<Errc> code_of(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code);
}

}  // namespace culvert::io
