// SPDX-License-Identifier: Apache-2.0
#include "agent/cni/enrol_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "ztunnel/lib/base/fd.h"

namespace culvert::cni {

namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

// An answer holds one sentence.
constexpr std::size_t kAnswerBytesMax = 16 * 1024;
// 100 ms: pods that start at once get their places in turn; an agent takes longer for each.
constexpr auto kPlacePause = std::chrono::milliseconds(100);

Result<Fd> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return fail(Errc::config, "the path " + path + " is too long for a unix socket");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) {
    return fail_errno(errno, "make a socket");
  }
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return fail_errno(errno, "connect to " + path);
  }
  return socket;
}

// send gives false if the agent closed the connection at once: it has no place.
Result<bool> send(int socket, std::string text, int descriptor) {
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
  if (::sendmsg(socket, &message, MSG_NOSIGNAL) >= 0) {
    return true;
  }
  if (errno == EPIPE || errno == ECONNRESET) {
    return false;
  }
  return fail_errno(errno, "send to the agent");
}

// receive gives none if the agent closed the connection instead of an answer.
Result<std::optional<std::string>> receive(int socket, Clock::time_point until) {
  std::string answer(kAnswerBytesMax, '\0');
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd ready{.fd = socket, .events = POLLIN, .revents = 0};
    const int polled = left > 0 ? ::poll(&ready, 1, static_cast<int>(left)) : 0;
    if (polled == 0) {
      return fail(Errc::timed_out, "the agent took too long to answer");
    }
    const ssize_t got = polled < 0 ? -1 : ::recv(socket, answer.data(), answer.size(), 0);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
      continue;
    }
    if (got == 0 || (got < 0 && errno == ECONNRESET)) {
      return std::nullopt;
    }
    if (got < 0) {
      return fail_errno(errno, "hear the agent");
    }
    answer.resize(static_cast<std::size_t>(got));
    return answer;
  }
}

Result<EnrolAnswer> read_answer(const std::string& text) {
  const json reply = json::parse(text, nullptr, false);
  const auto text_of = [&](const char* key) {
    const auto found = reply.find(key);
    return found != reply.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (!reply.is_object() || !reply.contains("ok") || !reply["ok"].is_boolean()) {
    return fail(Errc::protocol, "the agent answered what is no reply");
  }
  return EnrolAnswer{
      .ok = reply["ok"].get<bool>(), .state = text_of("state"), .error = text_of("error")};
}

std::string text_of(const EnrolQuestion& question) {
  json request = {{"op", question.op}};
  if (!question.uid.empty()) {
    request["uid"] = question.uid;
    request["namespace"] = question.ns;
    request["name"] = question.name;
  }
  return request.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

Result<EnrolAnswer> ask_agent(const std::string& socket, const EnrolQuestion& question,
                              std::chrono::milliseconds within) {
  const auto until = Clock::now() + within;
  for (;;) {
    auto connection = connect_to(socket);
    // EAGAIN: more connections wait to be accepted than the kernel keeps.
    const bool crowded = !connection && connection.error().sys == EAGAIN;
    if (!connection && !crowded) {
      return fail(std::move(connection).error());
    }
    if (connection) {
      TRY(const bool sent, send(connection->get(), text_of(question), question.netns));
      if (sent) {
        TRY(const auto answer, receive(connection->get(), until));
        if (answer) {
          return read_answer(*answer);
        }
      }
    }
    if (Clock::now() + kPlacePause >= until) {
      return fail(Errc::timed_out, "the agent had no place for one more connection");
    }
    std::this_thread::sleep_for(kPlacePause);
  }
}

}  // namespace culvert::cni
