// Loop: one thread's event loop. The base runs ready coroutines, timers and posted functions; a
// backend (uring, epoll, simulated) starts operations, cancels them and waits.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "ztunnel/lib/base/rng.h"
#include "ztunnel/lib/io/op.h"
#include "ztunnel/lib/io/scope.h"

namespace culvert::io {

class Loop {
 public:
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  virtual ~Loop();

  // The operations. Each suspends; the descriptor and the bytes must outlive the await, which RAII
  // in the awaiting frame gives. Errors are those of from_errno, and `cancelled`.
  // A loop takes an operation of each direction per descriptor at a time (recv, accept, readable;
  // send, connect, writable), except that several accepts may wait on one listener from several
  // loops.
  AcceptOp accept(int listener) { return {*this, listener}; }  // non-blocking, close-on-exec
  ConnectOp connect(int fd, const SocketAddress& to) { return {*this, fd, to}; }
  ConnectOp connect(int fd, const sockaddr_storage& to, socklen_t bytes) {
    return {*this, fd, to, bytes};
  }
  RecvOp recv(int fd, MutableBytes into) { return {*this, fd, into}; }  // 0 at end of stream
  SendOp send(int fd, Bytes from) { return {*this, fd, from}; }         // may be short
  PollOp readable(int fd) { return {*this, Op::Kind::readable, fd}; }
  PollOp writable(int fd) { return {*this, Op::Kind::writable, fd}; }
  SleepLeaf sleep(Duration duration) { return {*this, after(duration)}; }
  SleepLeaf sleep_until(TimePoint when) { return {*this, when}; }
  YieldLeaf yield() { return {}; }  // lets what else is ready run first

  // now is the time at the start of this turn: cheap, and the same for all of a turn.
  TimePoint now() const { return now_; }

  // post runs `function` on the loop's thread soon. The only call that other threads may make.
  void post(std::function<void()> function);

  // run turns until stop() is called, on the calling thread, which becomes the loop's thread.
  void run();
  // stop ends run() after the present turn. Call it on the loop's thread (or through post).
  void stop() { stopped_ = true; }

  // turn waits for events (not at all if something is ready, at most `max_wait` if that is given),
  // then runs what became ready. Returns false when there was nothing to wait for, ever.
  bool turn(std::optional<Duration> max_wait = std::nullopt);

  // schedule queues `runnable`; used by leaves, not by code above io.
  void schedule(Runnable& runnable);

  virtual std::string_view backend() const = 0;

 protected:
  Loop() = default;

  virtual void submit(Op& op) = 0;
  virtual void cancel(Op& op) = 0;
  // wait blocks until an operation completes, wake() is called or `timeout` is over (none: for
  // ever); it completes operations. Returns false where it can never end (nothing in flight).
  virtual bool wait(std::optional<Duration> timeout) = 0;
  virtual void wake() = 0;  // from any thread
  virtual TimePoint read_clock() const { return Clock::now(); }
  // suspended is told of each suspension, after its leaf was started; the simulated loop counts
  // them and cancels at the n-th.
  virtual void suspended(Leaf&) {}
  // Set by the simulated loop: what is ready runs in an order drawn from it.
  Rng* shuffle_ = nullptr;

  void refresh_now() { now_ = read_clock(); }

 private:
  friend class Op;
  friend class Leaf;
  friend class SleepLeaf;
  // after is now + duration, or the end of time where that can't be told.
  TimePoint after(Duration duration) const {
    return duration > TimePoint::max() - now() ? TimePoint::max() : now() + duration;
  }
  void run_ready();
  Runnable* shuffled(Runnable* first);
  void fire_timers();
  void run_posted();

  TimePoint now_{};
  bool stopped_ = false;
  Runnable* ready_first_ = nullptr;
  Runnable** ready_end_ = &ready_first_;
  std::multimap<TimePoint, SleepLeaf*> timers_;
  std::mutex posted_mutex_;  // post() is not on the data path
  std::vector<std::function<void()>> posted_;
  std::atomic<bool> any_posted_ = false;
};

enum class Backend : std::uint8_t { automatic, uring, epoll };

// make_loop makes a loop of the backend asked for, on any thread; it belongs to the one that runs
// it. `automatic` takes what the environment variable CULVERT_IO (uring, epoll, auto) says; without
// it, io_uring where the kernel allows it and epoll otherwise; `fallback_reason`, if given, is then
// set to one sentence that says why. Fails with `unavailable` when `uring` was asked for and can't
// be had.
Result<std::unique_ptr<Loop>> make_loop(Backend backend, std::string* fallback_reason = nullptr);
std::unique_ptr<Loop> make_epoll_loop();
Result<std::unique_ptr<Loop>> make_uring_loop();

// block_on runs `loop` until `task` has ended: for programs' last steps and for tests.
template <class T>
Result<T> block_on(Loop& loop, Task<T> task) {
  std::optional<Result<T>> result;
  Scope scope(loop);
  scope.spawn([](Task<T> inner, std::optional<Result<T>>& out) -> Task<> {
    out.emplace(co_await as_result(std::move(inner)));
  }(std::move(task), result));
  while (!scope.empty()) {
    const bool progress = loop.turn();
    CULVERT_ASSERT(progress || scope.empty());  // a task that waits for nothing that can happen
  }
  return std::move(*result);
}

}  // namespace culvert::io
