// SPDX-License-Identifier: Apache-2.0
#include "tests/bpf/sockets.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <cerrno>
#include <cstring>

#include "agent/enrol/netns.h"

namespace culvert::test {

namespace {

// Crosses the pipe as bytes.
struct Report {
  int error = 0;
  sockaddr_storage local{};
  sockaddr_storage peer{};
  std::uint32_t mark = 0;
};

bool keep_only_net_raw() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[2] = {};
  sets[0].effective = sets[0].permitted = 1u << CAP_NET_RAW;
  return ::syscall(SYS_capset, &header, sets) == 0;
}

bool join_cgroup(const std::string& cgroup) {
  const Fd procs(::open((cgroup + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  return ::write(procs.get(), "0", 1) == 1;
}

// An address in the form that the socket's family wants: IPv4 is v4-mapped on an IPv6 socket.
socklen_t sockaddr_for(const SocketAddress& address, bool v6_socket, sockaddr_storage& storage) {
  if (!v6_socket || !address.ip.is_v4()) {
    return address.to_sockaddr(storage);
  }
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(address.port);
  std::memcpy(&six.sin6_addr, address.ip.mapped().data(), sizeof six.sin6_addr);
  std::memcpy(&storage, &six, sizeof six);
  return sizeof six;
}

bool set_options(int socket, const Connect& what, bool six) {
  const int on = 1;
  if (what.mark != 0 &&
      ::setsockopt(socket, SOL_SOCKET, SO_MARK, &what.mark, sizeof what.mark) != 0) {
    return false;
  }
  if (!what.device.empty() && ::setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, what.device.c_str(),
                                           static_cast<socklen_t>(what.device.size())) != 0) {
    return false;
  }
  if (what.transparent &&
      ::setsockopt(socket, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_TRANSPARENT : IP_TRANSPARENT,
                   &on, sizeof on) != 0) {
    return false;
  }
  if (what.source) {
    sockaddr_storage storage{};
    const auto length = sockaddr_for(*what.source, six, storage);
    (void)::setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    return ::bind(socket, reinterpret_cast<const sockaddr*>(&storage), length) == 0;
  }
  return true;
}

int connect_now(int socket, const Connect& what, bool six) {
  sockaddr_storage storage{};
  const auto length = sockaddr_for(what.target, six, storage);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&storage), length) == 0) {
    return 0;
  }
  if (errno != EINPROGRESS) {
    return errno;
  }
  pollfd poll{.fd = socket, .events = POLLOUT, .revents = 0};
  if (::poll(&poll, 1, static_cast<int>(what.patience.count())) != 1) {
    return ETIMEDOUT;
  }
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

Report connect_in_child(const std::string& cgroup, int netns_fd, const Connect& what, Fd& socket) {
  Report report;
  const bool six = what.v6_socket || !what.target.ip.is_v4();
  if (!join_cgroup(cgroup) || ::setns(netns_fd, CLONE_NEWNET) != 0 ||
      (what.only_net_raw && !keep_only_net_raw())) {
    report.error = errno;
    return report;
  }
  socket =
      Fd(::socket(six ? AF_INET6 : AF_INET, (what.udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK,
                  what.udp ? 0 : what.protocol));
  if (!socket || !set_options(socket.get(), what, six)) {
    report.error = errno;
    return report;
  }
  report.error = connect_now(socket.get(), what, six);
  socklen_t length = sizeof report.local;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&report.local), &length);
  length = sizeof report.peer;
  ::getpeername(socket.get(), reinterpret_cast<sockaddr*>(&report.peer), &length);
  length = sizeof report.mark;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_MARK, &report.mark, &length);
  return report;
}

// The parent's listeners and its lock on the pins must not live on in this process.
void close_all_but(int first, int second) {
  for (int fd = 3; fd < 1024; ++fd) {
    if (fd != first && fd != second) {
      ::close(fd);
    }
  }
}

SocketAddress address_of(const sockaddr_storage& storage) {
  return SocketAddress::from_sockaddr(storage).value_or(SocketAddress{});
}

}  // namespace

Client Client::start(const std::string& cgroup, int netns_fd, const Connect& what) {
  int pipe[2] = {-1, -1};
  REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
  Fd read_end(pipe[0]);
  Fd write_end(pipe[1]);
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    close_all_but(write_end.get(), netns_fd);
    Fd socket;
    const Report report = connect_in_child(cgroup, netns_fd, what, socket);
    (void)!::write(write_end.get(), &report, sizeof report);
    for (;;) {
      ::pause();  // until the parent kills it
    }
  }
  return Client(pid, std::move(read_end));
}

Client::Client(Client&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), report_(std::move(other.report_)) {}

Client::~Client() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

Outcome Client::outcome() {
  Report report;
  if (::read(report_.get(), &report, sizeof report) != sizeof report) {
    return {.error = EPIPE, .local = {}, .peer = {}};
  }
  return {.error = report.error,
          .local = address_of(report.local),
          .peer = address_of(report.peer),
          .mark = report.mark};
}

std::optional<Accepted> accept_within(const Fd& listener, std::chrono::milliseconds patience) {
  pollfd poll{.fd = listener.get(), .events = POLLIN, .revents = 0};
  if (::poll(&poll, 1, static_cast<int>(patience.count())) != 1) {
    return std::nullopt;
  }
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  Fd socket(::accept4(listener.get(), reinterpret_cast<sockaddr*>(&peer), &length, SOCK_CLOEXEC));
  if (!socket) {
    return std::nullopt;
  }
  sockaddr_storage local{};
  length = sizeof local;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&local), &length);
  return Accepted{
      .socket = std::move(socket), .local = address_of(local), .peer = address_of(peer)};
}

Fd listen_in(int netns_fd, const SocketAddress& address) {
  const auto visit = enrol::NetnsVisit::enter(netns_fd);
  REQUIRE(visit);
  sockaddr_storage storage{};
  const auto length = address.to_sockaddr(storage);
  Fd socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length) == 0);
  REQUIRE(::listen(socket.get(), 64) == 0);
  return socket;
}

}  // namespace culvert::test
