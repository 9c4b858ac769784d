// One datagram of JSON there, one back; the netns travels as a descriptor (SCM_RIGHTS).
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/enrol_client.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "tests/support/lab_error.h"
#include "tests/support/paths.h"
#include "ztunnel/lib/base/fd.h"

namespace culvert::lab {

namespace {

constexpr timeval kAnswerWithin{20, 0};

// Sends `text` with one descriptor, or with none when it is negative.
bool send_with(int socket, std::string text, int descriptor) {
  iovec part{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  if (descriptor >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
  }
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) >= 0;
}

}  // namespace

std::string ask_enrol(const std::string& socket_path, const std::string& op, const Pod& pod) {
  const Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  expect(socket_path.size() < sizeof(address.sun_path), "the path {} is too long for a unix socket",
         socket_path);
  std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return fmt::format("connect {}: {}", socket_path, std::strerror(errno));
  }
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &kAnswerWithin, sizeof(kAnswerWithin));
  const Fd netns(op == "add" ? ::open(("/run/netns/" + pod.netns()).c_str(), O_RDONLY | O_CLOEXEC)
                             : -1);
  const nlohmann::json request = {
      {"op", op}, {"uid", pod.spec().uid}, {"namespace", kNamespace}, {"name", pod.name()}};
  if (!send_with(socket.get(), request.dump(), netns.get())) {
    return fmt::format("send to {}: {}", socket_path, std::strerror(errno));
  }
  std::array<char, 4096> answer{};
  const ssize_t got = ::recv(socket.get(), answer.data(), answer.size(), 0);
  if (got <= 0) {
    return fmt::format("{} did not answer: {}", socket_path,
                       got == 0 ? "closed" : std::strerror(errno));
  }
  const auto reply = nlohmann::json::parse(answer.data(), answer.data() + got, nullptr, false);
  if (reply.is_discarded() || !reply.contains("ok")) {
    return fmt::format("{} answered what is no reply: {}", socket_path,
                       std::string(answer.data(), static_cast<std::size_t>(got)));
  }
  return reply["ok"].get<bool>() ? "" : reply.value("error", "an error without a sentence");
}

}  // namespace culvert::lab
