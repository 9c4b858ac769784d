// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/check/probe.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/base/fd.h"

namespace culvert::ctl {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint16_t kHbonePort = 15008;

// A handshake record of four bytes that are no ClientHello (RFC 8446 §5.1): TLS answers with an
// alert, which is a record too.
constexpr std::array<std::uint8_t, 9> kNoHello = {0x16, 0x03, 0x01, 0x00, 0x04, 0xfe, 0, 0, 0};
constexpr std::uint8_t kAlert = 0x15;

bool wait_for(const Fd& socket, short events, Clock::time_point until) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
  pollfd ready{.fd = socket.get(), .events = events, .revents = 0};
  return left > 0 && ::poll(&ready, 1, static_cast<int>(left)) > 0;
}

Result<Fd> connect_to(const SocketAddress& address, Clock::time_point until) {
  sockaddr_storage storage{};
  const socklen_t length = address.to_sockaddr(storage);
  Fd socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  int error = 0;
  if (!socket ||
      (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0 &&
       errno != EINPROGRESS)) {
    error = errno;
  } else if (!wait_for(socket, POLLOUT, until)) {
    return fail(Errc::timed_out, "no connection comes about: packets are lost");
  } else {
    socklen_t size = sizeof error;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error != 0) {
    return fail(Errc::unavailable, fmt::format("no connection: {}", std::strerror(error)));
  }
  return socket;
}

}  // namespace

Result<> probe_pod(const std::string& address, std::chrono::milliseconds within) {
  const auto until = Clock::now() + within;
  TRY(const auto ip, IpAddress::parse(address));
  TRY(const Fd socket, connect_to({.ip = ip, .port = kHbonePort}, until));
  if (::send(socket.get(), kNoHello.data(), kNoHello.size(), MSG_NOSIGNAL) < 0) {
    return fail_errno(errno, "send to ztunnel");
  }
  if (!wait_for(socket, POLLIN, until)) {
    return fail(Errc::timed_out, "the connection is open, and ztunnel does not answer in it");
  }
  std::uint8_t first = 0;
  if (::recv(socket.get(), &first, 1, 0) == 1 && first == kAlert) {
    return {};
  }
  return fail(Errc::protocol,
              "what answers on port 15008 does not speak TLS, or has no certificate");
}

}  // namespace culvert::ctl
