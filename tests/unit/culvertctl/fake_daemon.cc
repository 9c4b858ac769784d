// FakeDaemon over a blocking socket and a thread.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/culvertctl/fake_daemon.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstdlib>

namespace culvert::ctl {

FakeDaemon::FakeDaemon(std::string answer, std::chrono::milliseconds linger) {
  char pattern[] = "/tmp/culvert-test-XXXXXX";
  folder_ = ::mkdtemp(pattern);
  listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket().copy(address.sun_path, sizeof(address.sun_path) - 1);
  if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener_.get(), 1) != 0) {
    std::abort();
  }
  thread_ = std::thread([this, answer = std::move(answer), linger] { serve(answer, linger); });
}

FakeDaemon::~FakeDaemon() {
  ::shutdown(listener_.get(), SHUT_RDWR);  // wakes an accept that nobody came to
  thread_.join();
  std::filesystem::remove_all(folder_);
}

void FakeDaemon::serve(const std::string& answer, std::chrono::milliseconds linger) {
  const Fd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!peer) {
    return;
  }
  std::array<char, 4096> buffer;
  const ssize_t read = ::recv(peer.get(), buffer.data(), buffer.size(), 0);
  request_.assign(buffer.data(), read > 0 ? static_cast<std::size_t>(read) : 0);
  ::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
  if (linger.count() > 0) {
    pollfd hung_up{peer.get(), 0, 0};  // until the client goes, at most `linger`
    ::poll(&hung_up, 1, static_cast<int>(linger.count()));
  }
}

}  // namespace culvert::ctl
