// Unix sockets: listeners that only their owner may use, clients, peer credentials, and messages
// that carry descriptors.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ztunnel/lib/net/socket_stream.h"

namespace culvert::net {

constexpr std::size_t kMessageFdsMax = 16;  // SCM_RIGHTS allows 253; ZDS sends 4
constexpr int kUnixBacklog = 128;

enum class UnixType : std::uint8_t { stream, seqpacket };

// listen_unix makes a non-blocking listener at `path` with mode 0600. A socket file that nobody
// serves is replaced; one that is served is refused with `config`, and so is a file that is no
// socket. The file stays when the listener is closed.
Result<Fd> listen_unix(const std::string& path, UnixType type);

// connect_unix_fd connects to `path` without waiting. Fails with `unavailable` if nobody serves it.
Result<Fd> connect_unix_fd(const std::string& path, UnixType type);

// connect_unix is the same for a Stream.
io::Task<std::unique_ptr<SocketStream>> connect_unix(io::Loop& loop, std::string path);

struct PeerCredentials {
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
};

// peer_credentials tells who connected (SO_PEERCRED: at the time of the connect).
Result<PeerCredentials> peer_credentials(int fd);

struct Message {
  std::vector<std::uint8_t> bytes;
  std::vector<Fd> fds;
};

// receive_message waits for the next message on a SEQPACKET socket; nullopt is the peer's end.
// Fails with `limit` if it is longer than `bytes_max` or carries more than kMessageFdsMax
// descriptors (none leaks), `closed` on a reset. Suspends; `fd` must stay open for the task.
io::Task<std::optional<Message>> receive_message(io::Loop& loop, int fd, std::size_t bytes_max);

// send_message sends one message with descriptors, which stay the caller's. `bytes` must not be
// empty, and both must outlive the task. Suspends while the peer's queue is full. Fails with
// `closed` if the peer is gone.
io::Task<> send_message(io::Loop& loop, int fd, Bytes bytes, std::span<const int> fds = {});

}  // namespace culvert::net
