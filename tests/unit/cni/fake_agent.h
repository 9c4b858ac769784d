// An agent that a test plays on an enrol socket: it writes down what it is asked and answers as it
// is told.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "ztunnel/lib/base/fd.h"

namespace culvert::cni {

class FakeAgent {
 public:
  struct Question {
    nlohmann::json request;
    std::size_t fds = 0;
  };

  // Refuses `refusals` connections first, as an agent does that has no place.
  FakeAgent(const std::string& path, std::string answer, int refusals = 0)
      : answer_(std::move(answer)),
        refusals_(refusals),
        listener_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    ::listen(listener_.get(), 8);
    thread_ = std::thread([this] { serve(); });
  }
  ~FakeAgent() {
    ends_ = true;
    thread_.join();
  }
  FakeAgent(const FakeAgent&) = delete;
  FakeAgent& operator=(const FakeAgent&) = delete;

  std::vector<Question> questions() {
    const std::lock_guard lock(mutex_);
    return questions_;
  }

 private:
  void serve() {
    while (!ends_) {
      pollfd ready{.fd = listener_.get(), .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, 20) > 0) {
        const Fd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (refusals_-- <= 0) {
          attend(peer.get());
        }
      }
    }
  }
  void attend(int peer) {
    std::string text(8192, '\0');
    iovec part{text.data(), text.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(4 * sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(peer, &message, MSG_CMSG_CLOEXEC);
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    Question question{.request = nlohmann::json::parse(text, nullptr, false)};
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      for (std::size_t at = CMSG_LEN(0); at < header->cmsg_len; at += sizeof(int)) {
        int fd = -1;
        std::memcpy(&fd, reinterpret_cast<char*>(header) + at, sizeof(int));
        const Fd closed(fd);
        ++question.fds;
      }
    }
    const std::lock_guard lock(mutex_);
    questions_.push_back(std::move(question));
    (void)!::send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL);
  }

  std::string answer_;
  int refusals_;
  Fd listener_;
  std::atomic<bool> ends_ = false;
  std::mutex mutex_;
  std::vector<Question> questions_;
  std::thread thread_;
};

}  // namespace culvert::cni
