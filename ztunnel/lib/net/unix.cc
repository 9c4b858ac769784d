// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/net/unix.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace culvert::net {
namespace {

struct UnixAddress {
  sockaddr_un address{};
  socklen_t bytes = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};

Result<UnixAddress> address_of(const std::string& path) {
  UnixAddress result;
  if (path.empty() || path.size() >= sizeof(result.address.sun_path)) {
    return fail(Errc::config, "unix socket path \"" + path + "\" must have 1 to " +
                                  std::to_string(sizeof(result.address.sun_path) - 1) +
                                  " bytes; choose a shorter folder");
  }
  result.address.sun_family = AF_UNIX;
  std::memcpy(result.address.sun_path, path.c_str(), path.size() + 1);
  result.bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return result;
}

Result<Fd> make_socket(UnixType type) {
  const int kind = type == UnixType::stream ? SOCK_STREAM : SOCK_SEQPACKET;
  Fd socket(::socket(AF_UNIX, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) {
    return fail_errno(errno, "unix socket");
  }
  return socket;
}

// Removes a socket file that nobody serves. Who serves it, of whichever type, is found by asking.
Result<> remove_stale(const std::string& path, const UnixAddress& address, UnixType type) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    return errno == ENOENT ? Result<>() : fail_errno(errno, "stat " + path);
  }
  if (!S_ISSOCK(status.st_mode)) {
    return fail(Errc::config, path + " exists and is no socket; remove it or choose another path");
  }
  TRY(auto probe, make_socket(type));
  if (::connect(probe.get(), address.get(), address.bytes) == 0 || errno != ECONNREFUSED) {
    return fail(Errc::config,
                path + " is served by another process; stop it or choose another path");
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return fail_errno(errno, "remove stale " + path);
  }
  return {};
}

}  // namespace

Result<Fd> listen_unix(const std::string& path, UnixType type) {
  TRY(const auto address, address_of(path));
  TRY_VOID(remove_stale(path, address, type));
  TRY(auto socket, make_socket(type));
  // bind() gives the file the socket's own mode, so that it is never open to others, not even
  // shortly.
  if (::fchmod(socket.get(), S_IRUSR | S_IWUSR) != 0 ||
      ::bind(socket.get(), address.get(), address.bytes) != 0 ||
      ::listen(socket.get(), kUnixBacklog) != 0) {
    return fail_errno(errno, "listen on " + path);
  }
  return socket;
}

Result<Fd> connect_unix_fd(const std::string& path, UnixType type) {
  TRY(const auto address, address_of(path));
  TRY(auto socket, make_socket(type));
  // A unix connect never waits: EAGAIN means that the listener's queue is full.
  if (::connect(socket.get(), address.get(), address.bytes) != 0) {
    if (errno == EAGAIN) {
      return fail(Errc::unavailable, "connect " + path + ": the server is too busy to accept");
    }
    return fail_errno(errno, "connect " + path);
  }
  return socket;
}

io::Task<std::unique_ptr<SocketStream>> connect_unix(io::Loop& loop, std::string path) {
  Fd socket = co_await connect_unix_fd(path, UnixType::stream);
  co_return std::make_unique<SocketStream>(loop, std::move(socket));
}

Result<PeerCredentials> peer_credentials(int fd) {
  ucred credentials{};
  socklen_t bytes = sizeof(credentials);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) != 0) {
    return fail_errno(errno, "SO_PEERCRED");
  }
  return PeerCredentials{.pid = credentials.pid, .uid = credentials.uid, .gid = credentials.gid};
}

}  // namespace culvert::net
