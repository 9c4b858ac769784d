// Messages with descriptors on SEQPACKET sockets (unix.h; unix(7), cmsg(3)).
// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "ztunnel/lib/net/unix.h"

namespace culvert::net {
namespace {

constexpr std::size_t kControlBytes = CMSG_SPACE(sizeof(int) * kMessageFdsMax);

std::vector<Fd> take_fds(msghdr& header) {
  std::vector<Fd> fds;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(fd));
      fds.emplace_back(fd);
    }
  }
  return fds;
}

}  // namespace

io::Task<std::optional<Message>> receive_message(io::Loop& loop, int fd, std::size_t bytes_max) {
  Message message;
  message.bytes.resize(bytes_max);
  while (true) {
    alignas(cmsghdr) std::array<char, kControlBytes> control;
    iovec part{.iov_base = message.bytes.data(), .iov_len = message.bytes.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t received = ::recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) {
      co_await loop.readable(fd);
      continue;
    }
    if (received < 0) {
      co_return fail_errno(errno, "receive a message");
    }
    message.fds = take_fds(header);
    if ((header.msg_flags & MSG_TRUNC) != 0) {
      co_return fail(Errc::limit,
                     "a message is longer than " + std::to_string(bytes_max) + " bytes");
    }
    if ((header.msg_flags & MSG_CTRUNC) != 0) {
      co_return fail(Errc::limit, "a message carries more than " + std::to_string(kMessageFdsMax) +
                                      " descriptors, or this process is out of them");
    }
    if (received == 0) {
      co_return std::optional<Message>();
    }
    message.bytes.resize(static_cast<std::size_t>(received));
    co_return std::optional<Message>(std::move(message));
  }
}

io::Task<> send_message(io::Loop& loop, int fd, Bytes bytes, std::span<const int> fds) {
  CULVERT_ASSERT(!bytes.empty() && fds.size() <= kMessageFdsMax);
  while (true) {
    alignas(cmsghdr) std::array<char, kControlBytes> control{};
    iovec part{.iov_base = const_cast<std::uint8_t*>(bytes.data()), .iov_len = bytes.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (!fds.empty()) {
      header.msg_control = control.data();
      header.msg_controllen = CMSG_SPACE(fds.size_bytes());
      cmsghdr* rights = CMSG_FIRSTHDR(&header);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(fds.size_bytes());
      std::memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
    }
    if (::sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
      co_return;
    }
    if (errno != EAGAIN && errno != EINTR) {
      co_await fail_errno(errno, "send a message");
    }
    co_await loop.writable(fd);
  }
}

}  // namespace culvert::net
