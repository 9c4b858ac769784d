// SocketStream: a Stream over a connected socket, TCP or unix.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/base/fd.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/net/stream.h"

namespace culvert::net {

class SocketStream final : public Stream {
 public:
  // Takes a connected stream socket, blocking or not; `loop` must outlive it. Destroying it closes
  // the socket: the peer sees FIN, so after a failure call reset() first.
  SocketStream(io::Loop& loop, Fd fd) : loop_(loop), fd_(std::move(fd)) {}

  io::Task<std::size_t> read_some(MutableBytes into) override;
  io::Task<> write_all(Bytes from) override;
  io::Task<> shutdown_write() override;

  // reset sends RST at once on TCP, also with operations pending: they fail with `closed`, and only
  // then may the stream be destroyed, as ever. A unix socket knows no RST: its peer sees the end.
  void reset() override;

  // broken asks the kernel: one system call.
  bool broken() const override;

  // readable waits until read_some would not wait: for idle connections that should hold no buffer.
  io::Task<> readable();

  // On a captured connection the local address is the original destination.
  Result<SocketAddress> local_address() const;
  Result<SocketAddress> peer_address() const;
  int fd() const { return fd_.get(); }

 private:
  io::Loop& loop_;
  Fd fd_;
  bool reading_ = false;
  bool writing_ = false;
  bool reset_ = false;
};

}  // namespace culvert::net
