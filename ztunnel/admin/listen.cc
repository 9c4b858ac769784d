// Listening sockets: ports with a clear sentence when they are taken, socket files without a race.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/admin/listen.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace culvert::admin {
namespace {

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) {
    return fail(Errc::config,
                fmt::format("{} is no path for a socket: it must have 1 to {} characters; "
                            "choose another --run-dir",
                            path, sizeof(address.sun_path) - 1));
  }
  path.copy(address.sun_path, path.size());
  return address;
}

// Tells whether somebody accepts connections at `address`.
bool is_served(const sockaddr_un& address) {
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
             0 ||
         errno == EAGAIN;  // a full backlog
}

// Says whether `path` may be made or replaced.
Result<> check_path(const std::string& path, const sockaddr_un& address, bool take_over) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) {
    return {};
  }
  if (!S_ISSOCK(found.st_mode)) {
    return fail(
        Errc::config,
        fmt::format("{} exists and is no socket: remove it or choose another --run-dir", path));
  }
  if (!take_over && is_served(address)) {
    return fail(
        Errc::config,
        fmt::format("{} is served by a running process: stop that one or choose another --run-dir",
                    path));
  }
  return {};
}

}  // namespace

Result<Fd> listen_tcp(const SocketAddress& address, bool v6_only) {
  const int family = address.ip.is_v4() ? AF_INET : AF_INET6;
  Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) {
    return fail_errno(errno, fmt::format("socket for {}", to_string(address)));
  }
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (const int only = v6_only ? 1 : 0; family == AF_INET6) {
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
  }
  sockaddr_storage storage{};
  const socklen_t length = address.to_sockaddr(storage);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    if (errno == EADDRINUSE) {
      return fail(Errc::config,
                  fmt::format("port {} is in use on {}: stop the process that listens "
                              "there (ss -ltnp) or choose another port",
                              address.port, to_string(address.ip)));
    }
    return fail_errno(errno, fmt::format("listen on {}", to_string(address)));
  }
  return fd;
}

Result<std::uint16_t> port_of(const Fd& listener) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  if (::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) {
    return fail_errno(errno, "getsockname");
  }
  TRY(const SocketAddress address, SocketAddress::from_sockaddr(storage));
  return address.port;
}

void SocketFile::remove_if_ours() const {
  struct stat found{};
  if (::lstat(path.c_str(), &found) == 0 && found.st_dev == device && found.st_ino == inode) {
    ::unlink(path.c_str());
  }
}

Result<UnixListener> listen_unix(const std::string& path, bool take_over) {
  TRY(const sockaddr_un address, unix_address(path));
  TRY_VOID(check_path(path, address, take_over));
  const std::string fresh = fmt::format("{}.{}", path, ::getpid());
  TRY(const sockaddr_un fresh_address, unix_address(fresh));
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) {
    return fail_errno(errno, fmt::format("socket for {}", path));
  }
  // bind gives the file the mode of the socket, so it is never open to others, not even for a
  // moment (kernel net/unix/af_unix.c, unix_bind_bsd).
  ::fchmod(fd.get(), S_IRUSR | S_IWUSR);
  ::unlink(fresh.c_str());
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&fresh_address), sizeof(fresh_address)) !=
      0) {
    return fail_errno(errno, fmt::format("bind {}", path));
  }
  struct stat made{};
  if (::listen(fd.get(), kBacklog) != 0 || ::lstat(fresh.c_str(), &made) != 0 ||
      std::rename(fresh.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(fresh.c_str());
    return fail_errno(error, fmt::format("listen on {}", path));
  }
  return UnixListener{std::move(fd), {path, made.st_dev, made.st_ino}};
}

}  // namespace culvert::admin
