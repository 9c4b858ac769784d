// A server of the agent on a unix socket of its own, and peers that may send it any bytes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/root_socket.h"
#include "tests/protocol/log_lines.h"
#include "tests/unit/agent/scratch_folder.h"
#include "ztunnel/lib/http/h2_connection.h"
#include "ztunnel/lib/io/timeout.h"

namespace culvert::protocol {

using namespace std::chrono_literals;

inline Fd null_fd() {
  return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

// AgentSocket serves `attendant`; the attendant must outlive it.
class AgentSocket {
 public:
  AgentSocket(io::Loop& loop, agent::Attendant& attendant, net::UnixType type)
      : loop_(loop), type_(type), socket_(*agent::RootSocket::open(path(), type)), scope_(loop) {
    scope_.spawn(socket_.serve(loop, attendant));
  }
  ~AgentSocket() {
    scope_.cancel();
    while (!scope_.empty()) {
      (void)loop_.turn();
    }
  }
  AgentSocket(const AgentSocket&) = delete;
  AgentSocket& operator=(const AgentSocket&) = delete;

  std::string path() const { return folder_ / "s.sock"; }
  std::uint64_t offences() const { return socket_.offences(); }

  Fd connect() {
    auto made = net::connect_unix_fd(path(), type_);
    REQUIRE(made);
    return std::move(*made);
  }
  // say sends one message, with descriptors; a peer that has closed already is no failure.
  void say(const Fd& peer, const std::string& bytes, std::size_t fds = 0) {
    const Fd fd = null_fd();
    const std::vector<int> borrowed(fds, fd.get());
    std::string control(CMSG_SPACE(fds * sizeof(int)), '\0');
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (fds > 0) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* rights = CMSG_FIRSTHDR(&message);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(fds * sizeof(int));
      std::memcpy(CMSG_DATA(rights), borrowed.data(), fds * sizeof(int));
    }
    (void)::sendmsg(peer.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  // heard gives what comes next, "closed" at the end, "nothing" when nothing comes.
  std::string heard(const Fd& peer, io::Duration limit = 3s) {
    std::string bytes(8192, '\0');
    ssize_t got = -1;
    (void)within(limit, [&] {
      got = ::recv(peer.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
      return got >= 0 || errno == ECONNRESET;
    });
    if (got > 0) {
      return bytes.substr(0, static_cast<std::size_t>(got));
    }
    return got == 0 || errno == ECONNRESET ? "closed" : "nothing";
  }
  // within turns the loop until `holds` says yes; a yes is not asked for twice.
  bool within(io::Duration limit, const std::function<bool()>& holds) {
    const auto until = io::Clock::now() + limit;
    while (!holds()) {
      if (io::Clock::now() >= until) {
        return false;
      }
      (void)loop_.turn(1ms);
    }
    return true;
  }

 private:
  io::Loop& loop_;
  ScratchFolder folder_;
  net::UnixType type_;
  agent::RootSocket socket_;
  io::Scope scope_;
};

// GrpcPeer is a client of the real HTTP/2 room that frames its own messages, well or not.
class GrpcPeer {
 public:
  GrpcPeer(io::Loop& loop, AgentSocket& socket)
      : loop_(loop),
        connection_(std::make_unique<http::H2Connection>(
            loop, std::make_unique<net::SocketStream>(loop, socket.connect()),
            http::H2Role::client)),
        scope_(loop, io::Scope::OnFailure::ignore) {
    scope_.spawn(connection_->run());
  }
  ~GrpcPeer() { leave(); }
  GrpcPeer(const GrpcPeer&) = delete;
  GrpcPeer& operator=(const GrpcPeer&) = delete;

  // call opens a stream; the last one is what the rest is about.
  void call(const std::string& path) {
    auto opened = block_on(loop_, connection_->open({{":method", "POST"},
                                                     {":scheme", "http"},
                                                     {":path", path},
                                                     {":authority", "localhost"},
                                                     {"te", "trailers"},
                                                     {"content-type", "application/grpc"}}));
    REQUIRE(opened);
    streams_.push_back(std::move(*opened));
  }
  void send(std::string bytes) { (void)block_on(loop_, write(*streams_.back(), std::move(bytes))); }
  void end() { (void)block_on(loop_, finish(*streams_.back())); }
  void reset() { streams_.back()->reset(http::ResetCode::cancel); }
  // outcome reads the answer to its end: "0", or code and message as "3 no such thing".
  std::string outcome() {
    auto said =
        block_on(loop_, io::with_timeout(loop_, 3s, "the answer", answer(*streams_.back())));
    return said ? *said : to_string(said.error());
  }
  std::size_t buffered_bytes() const { return connection_->buffered_bytes(); }
  // leave ends the connection at once, whatever is under way.
  void leave() {
    scope_.cancel();
    while (!scope_.empty()) {
      (void)loop_.turn();
    }
    connection_.reset();  // closes the socket
  }

 private:
  static io::Task<> write(http::H2Stream& stream, std::string bytes) {
    co_await stream.write_all(as_bytes(bytes));
  }
  static io::Task<> finish(http::H2Stream& stream) { co_await stream.shutdown_write(); }
  static io::Task<std::string> answer(http::H2Stream& stream) {
    http::HeaderList said = co_await stream.response();
    if (http::find_header(said, "grpc-status") == nullptr) {
      std::string piece(4096, '\0');
      while (co_await stream.read_some(
                 {reinterpret_cast<std::uint8_t*>(piece.data()), piece.size()}) > 0) {
      }
      said = stream.trailers();
    }
    const std::string* code = http::find_header(said, "grpc-status");
    const std::string* message = http::find_header(said, "grpc-message");
    co_return (code == nullptr ? "no status" : *code) + (message == nullptr ? "" : " " + *message);
  }

  io::Loop& loop_;
  std::unique_ptr<http::H2Connection> connection_;
  std::vector<std::unique_ptr<http::H2Stream>> streams_;
  io::Scope scope_;
};

}  // namespace culvert::protocol
