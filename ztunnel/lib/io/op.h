// The operations of a loop, as leaves that live in the frame of the coroutine that awaits them.
// One tagged struct, so that each backend is one switch.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <map>

#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/base/bytes.h"
#include "ztunnel/lib/base/fd.h"
#include "ztunnel/lib/io/leaf.h"

namespace culvert::io {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = std::chrono::nanoseconds;

// Op is what a backend sees: the kernel may use `buffer` and `address` until complete() is called.
class Op : public Leaf {
 public:
  enum class Kind : std::uint8_t { accept, connect, recv, send, readable, writable };

  Kind kind() const { return kind_; }
  int fd() const { return fd_; }
  void* buffer() const { return buffer_; }
  std::size_t size() const { return size_; }
  const sockaddr* address() const { return address_; }
  socklen_t address_bytes() const { return address_bytes_; }

  // finished is called by the backend, once, with the system call's result or a negative errno.
  void finished(int result);

  // Room for the backend: its place in a list of waiting operations, its flags.
  std::uint32_t backend_flags = 0;
  Op* backend_next = nullptr;

 protected:
  Op(Loop& loop, Kind kind, int fd) : loop_(loop), kind_(kind), fd_(fd) {}
  Op(Loop& loop, Kind kind, int fd, void* buffer, std::size_t size)
      : loop_(loop), kind_(kind), fd_(fd), buffer_(buffer), size_(size) {}

  int result_ = 0;
  const sockaddr* address_ = nullptr;
  socklen_t address_bytes_ = 0;

 private:
  void start() override;
  void request_cancel() override;

  Loop& loop_;
  Kind kind_;
  int fd_;
  void* buffer_ = nullptr;
  std::size_t size_ = 0;
};

template <class Derived, class T>
class OpOf : public Op {
 public:
  Result<T> result() {
    if (error_) {
      return fail(std::move(*error_));
    }
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return static_cast<Derived*>(this)->value();
    }
  }

 protected:
  using Op::Op;
};

class AcceptOp final : public OpOf<AcceptOp, Fd> {
 public:
  AcceptOp(Loop& loop, int fd) : OpOf(loop, Kind::accept, fd) {}
  ~AcceptOp();  // closes a connection that arrived while the accept was being given up
  Fd value() { return Fd(std::exchange(result_, -1)); }
};

class ConnectOp final : public OpOf<ConnectOp, void> {
 public:
  ConnectOp(Loop& loop, int fd, const SocketAddress& to);
  ConnectOp(Loop& loop, int fd, const sockaddr_storage& to, socklen_t bytes);
  void value() {}

 private:
  sockaddr_storage storage_;
};

class RecvOp final : public OpOf<RecvOp, std::size_t> {
 public:
  RecvOp(Loop& loop, int fd, MutableBytes into)
      : OpOf(loop, Kind::recv, fd, into.data(), into.size()) {}
  std::size_t value() { return static_cast<std::size_t>(result_); }
};

class SendOp final : public OpOf<SendOp, std::size_t> {
 public:
  SendOp(Loop& loop, int fd, Bytes from)
      : OpOf(loop, Kind::send, fd, const_cast<std::uint8_t*>(from.data()), from.size()) {}
  std::size_t value() { return static_cast<std::size_t>(result_); }
};

class PollOp final : public OpOf<PollOp, void> {
 public:
  PollOp(Loop& loop, Kind kind, int fd) : OpOf(loop, kind, fd) {}
  void value() {}
};

// YieldLeaf suspends for one turn of the loop.
class YieldLeaf final : public LeafOf<YieldLeaf, void> {
 public:
  void value() {}

 private:
  void start() override { complete(); }
  void request_cancel() override {}
};

class SleepLeaf final : public LeafOf<SleepLeaf, void> {
 public:
  SleepLeaf(Loop& loop, TimePoint until) : loop_(loop), until_(until) {}
  void value() {}

 private:
  friend class Loop;
  void start() override;
  void request_cancel() override;

  Loop& loop_;
  TimePoint until_;
  std::multimap<TimePoint, SleepLeaf*>::iterator place_;
};

}  // namespace culvert::io
