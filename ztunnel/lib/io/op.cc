// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/io/op.h"

#include <unistd.h>

#include <cstring>

#include "ztunnel/lib/io/loop.h"

namespace culvert::io {
namespace {

const char* verb(Op::Kind kind) {
  switch (kind) {
    case Op::Kind::accept: return "accept";
    case Op::Kind::connect: return "connect";
    case Op::Kind::recv: return "recv";
    case Op::Kind::send: return "send";
    case Op::Kind::readable: return "poll";
    case Op::Kind::writable: return "poll";
  }
  return "";
}

}  // namespace

void Op::start() {
  loop_.submit(*this);
}

void Op::request_cancel() {
  loop_.cancel(*this);
}

void Op::finished(int result) {
  result_ = result;
  if (result < 0) {
    complete(from_errno(-result, verb(kind_)));
  } else {
    complete();
  }
}

AcceptOp::~AcceptOp() {
  if (result_ > 0) {
    ::close(result_);
  }
}

ConnectOp::ConnectOp(Loop& loop, int fd, const SocketAddress& to) : OpOf(loop, Kind::connect, fd) {
  address_bytes_ = to.to_sockaddr(storage_);
  address_ = reinterpret_cast<const sockaddr*>(&storage_);
}

ConnectOp::ConnectOp(Loop& loop, int fd, const sockaddr_storage& to, socklen_t bytes)
    : OpOf(loop, Kind::connect, fd), storage_(to) {
  address_bytes_ = bytes;
  address_ = reinterpret_cast<const sockaddr*>(&storage_);
}

void SleepLeaf::start() {
  place_ = loop_.timers_.emplace(until_, this);
}

void SleepLeaf::request_cancel() {
  loop_.timers_.erase(place_);
  complete(Error{.code = Errc::cancelled, .context = "cancelled"});
}

}  // namespace culvert::io
