// One GET over a unix socket (RFC 9112, the part that a server needs which answers with a
// Content-Length or by closing).
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include "ztunnel/lib/base/fd.h"

namespace culvert::ctl {
namespace {

// The prefix of every sentence: which daemon, and where it was sought.
std::string place(const Daemon& daemon) {
  return fmt::format("{} ({})", daemon.name, daemon.socket);
}

std::unexpected<Error> not_reached(const Daemon& daemon, int error) {
  std::string_view next = "look at its log";
  if (error == ENOENT) {
    next = "is it running on this node? --run-dir says where its socket is";
  } else if (error == ECONNREFUSED) {
    next = "it has stopped; start it again";
  } else if (error == EACCES || error == EPERM) {
    next = "its socket is for root: try again with sudo";
  }
  return fail(Errc::unavailable,
              fmt::format("can't reach {}: {}: {}", place(daemon), std::strerror(error), next));
}

Result<Fd> connect(const Daemon& daemon) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (daemon.socket.size() >= sizeof(address.sun_path)) {
    return fail(Errc::config,
                fmt::format("{} is too long for a socket's path: choose a shorter --run-dir",
                            daemon.socket));
  }
  daemon.socket.copy(address.sun_path, daemon.socket.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd ||
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return not_reached(daemon, errno);
  }
  return fd;
}

Fd timer(std::chrono::milliseconds timeout) {
  Fd fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  itimerspec when{};
  when.it_value.tv_sec = timeout.count() / 1000;
  when.it_value.tv_nsec = timeout.count() % 1000 * 1'000'000;
  ::timerfd_settime(fd.get(), 0, &when, nullptr);
  return fd;
}

// Waits for `events` on `fd`; false when the time is up.
bool wait_for(const Fd& fd, short events, const Fd& deadline) {
  std::array<pollfd, 2> waits = {{{fd.get(), events, 0}, {deadline.get(), POLLIN, 0}}};
  while (::poll(waits.data(), waits.size(), -1) < 0 && errno == EINTR) {
  }
  return waits[1].revents == 0;
}

std::unexpected<Error> too_slow(const Daemon& daemon) {
  return fail(Errc::timed_out, fmt::format("{} does not answer: look at its log", place(daemon)));
}

Result<> send_all(const Daemon& daemon, const Fd& fd, std::string_view text, const Fd& deadline) {
  while (!text.empty()) {
    const ssize_t sent = ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN && errno != EINTR) {
      return not_reached(daemon, errno);
    } else if (!wait_for(fd, POLLOUT, deadline)) {
      return too_slow(daemon);
    }
  }
  return {};
}

Result<std::string> receive_all(const Daemon& daemon, const Fd& fd, const Fd& deadline,
                                std::size_t bytes_max) {
  std::string text;
  std::array<char, 64 * 1024> buffer;  // one read of a unix socket gives at most about this much
  while (true) {
    if (!wait_for(fd, POLLIN, deadline)) {
      return too_slow(daemon);
    }
    const ssize_t received = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (received == 0) {
      return text;
    }
    if (received < 0) {
      if (errno == EAGAIN || errno == EINTR) {
        continue;
      }
      return not_reached(daemon, errno);
    }
    text.append(buffer.data(), static_cast<std::size_t>(received));
    if (text.size() > bytes_max) {
      return fail(Errc::limit, fmt::format("{} answers with more than {} bytes, which is not read",
                                           place(daemon), bytes_max));
    }
  }
}

std::optional<std::size_t> number(std::string_view text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value)
                                                                  : std::nullopt;
}

// Finds the value of the header `name`, which is given in lower case.
std::optional<std::string> header(std::string_view head, std::string_view name) {
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;
       at = head.find("\r\n", at)) {
    at += 2;
    const std::string_view line = head.substr(at, head.find("\r\n", at) - at);
    if (line.size() > name.size() && line[name.size()] == ':' &&
        ::strncasecmp(line.data(), name.data(), name.size()) == 0) {
      const std::size_t start = line.find_first_not_of(" \t", name.size() + 1);
      return start == std::string_view::npos ? "" : std::string(line.substr(start));
    }
  }
  return std::nullopt;
}

Result<std::string> body_of(const Daemon& daemon, std::string_view path, std::string_view text) {
  const std::size_t end = text.find("\r\n\r\n");
  const std::string_view head = text.substr(0, end);
  const auto status = head.size() < 12 ? std::nullopt : number(head.substr(9, 3));
  if (end == std::string_view::npos || !head.starts_with("HTTP/1.") || !status) {
    return fail(Errc::protocol,
                fmt::format("what answers for {} does not speak HTTP: is another program's socket "
                            "in that directory? --run-dir chooses another",
                            place(daemon)));
  }
  std::string body(text.substr(end + 4));
  if (*status != 200) {
    const std::string_view why = std::string_view(body).substr(0, body.find('\n'));
    return fail(
        Errc::protocol,
        fmt::format("{} answers {} to {} ({}): it may be of another version than culvertctl",
                    place(daemon), *status, path, why));
  }
  if (const auto length = header(head, "content-length");
      length && number(*length) != body.size()) {
    return fail(Errc::protocol,
                fmt::format("{} broke off in the middle of its answer: try again", place(daemon)));
  }
  return body;
}

}  // namespace

Result<std::string> get(const Daemon& daemon, std::string_view path, const GetLimits& limits) {
  TRY(const Fd fd, connect(daemon));
  const Fd deadline = timer(limits.timeout);
  TRY_VOID(
      send_all(daemon, fd,
               fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path),
               deadline));
  TRY(const std::string text, receive_all(daemon, fd, deadline, limits.response_bytes_max));
  return body_of(daemon, path, text);
}

}  // namespace culvert::ctl
