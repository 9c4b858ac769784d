// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/net/socket_stream.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "ztunnel/lib/net/tcp.h"

namespace culvert::net {
namespace {

// Busy asserts that a direction has one operation at a time, also when its frame is unwound.
class Busy {
 public:
  explicit Busy(bool& flag) : flag_(flag) {
    CULVERT_ASSERT(!flag_);
    flag_ = true;
  }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  ~Busy() { flag_ = false; }

 private:
  bool& flag_;
};

std::unexpected<Error> was_reset() {
  return fail(Errc::closed, "the connection was reset by this side");
}

}  // namespace

io::Task<std::size_t> SocketStream::read_some(MutableBytes into) {
  CULVERT_ASSERT(!into.empty());  // 0 bytes would read as the end of the stream
  const Busy busy(reading_);
  if (reset_) {
    co_return was_reset();
  }
  auto received = co_await as_result(loop_.recv(fd_.get(), into));
  if (reset_) {
    co_return was_reset();  // whatever the kernel made of it: 0, ENOTCONN, ECONNRESET
  }
  co_return received;
}

io::Task<> SocketStream::write_all(Bytes from) {
  const Busy busy(writing_);
  while (!from.empty()) {
    if (reset_) {
      co_await was_reset();
    }
    auto sent = co_await as_result(loop_.send(fd_.get(), from));
    if (reset_) {
      co_await was_reset();
    }
    from = from.subspan(co_await std::move(sent));
  }
}

io::Task<> SocketStream::shutdown_write() {
  CULVERT_ASSERT(!writing_);
  if (reset_) {
    co_await was_reset();
  }
  if (::shutdown(fd_.get(), SHUT_WR) != 0) {
    co_await fail_errno(errno, "shutdown");
  }
}

io::Task<> SocketStream::readable() {
  const Busy busy(reading_);
  if (reset_) {
    co_await was_reset();
  }
  co_await loop_.readable(fd_.get());
}

void SocketStream::reset() {
  if (std::exchange(reset_, true)) {
    return;
  }
  // Closing would send the RST only when the last operation in flight gives up the file, and would
  // free the number for another. connect(AF_UNSPEC) is the kernel's ABORT (tcp_disconnect): RST
  // now, and waiting operations wake with ECONNRESET. The linger makes a close without data do the
  // same.
  const linger abort{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &abort, sizeof(abort));
  const sockaddr unspecified{.sa_family = AF_UNSPEC, .sa_data = {}};
  if (::connect(fd_.get(), &unspecified, sizeof(unspecified)) != 0) {
    ::shutdown(fd_.get(), SHUT_RDWR);  // a unix socket
  }
}

bool SocketStream::broken() const {
  // POLLERR is the socket's pending error (ECONNRESET, ETIMEDOUT). POLLHUP is none: both sides may
  // have ended in order while bytes wait to be read.
  pollfd socket{.fd = fd_.get(), .events = 0, .revents = 0};
  return reset_ || (::poll(&socket, 1, 0) == 1 && (socket.revents & POLLERR) != 0);
}

Result<SocketAddress> SocketStream::local_address() const {
  return net::local_address(fd_.get());
}

Result<SocketAddress> SocketStream::peer_address() const {
  return net::peer_address(fd_.get());
}

}  // namespace culvert::net
