// Listening sockets of the admin endpoints.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/base/fd.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::admin {

// 64: as many as an endpoint serves at once.
inline constexpr int kBacklog = 64;

// listen_tcp gives a non-blocking listener. :: takes both families, unless it is told `v6_only`.
// Fails with `config` when the port is in use.
Result<Fd> listen_tcp(const SocketAddress& address, bool v6_only);
Result<std::uint16_t> port_of(const Fd& listener);

// SocketFile names a socket in the file system, so that only its maker removes it.
struct SocketFile {
  std::string path;
  dev_t device = 0;
  ino_t inode = 0;

  // remove_if_ours removes the file unless another process has put its own in its place.
  void remove_if_ours() const;
};

struct UnixListener {
  Fd fd;
  SocketFile file;
};

// listen_unix makes `path` with mode 0600 in one rename. Fails with `config` when something that is
// no socket is there, or when a live process serves it and `take_over` is false.
Result<UnixListener> listen_unix(const std::string& path, bool take_over);

}  // namespace culvert::admin
