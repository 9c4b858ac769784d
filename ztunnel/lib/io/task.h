// Task<T>: a lazy coroutine that ends with a value or an Error. How failures travel is the point of
// this file: `co_await task` either yields the value or ends the awaiting coroutine with the same
// error, by destroying its suspended frame; so cleanup is only ever RAII, and nothing throws.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <optional>
#include <utility>

#include "ztunnel/lib/base/assert.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::io {

class Fiber;
class Leaf;
class Loop;
template <class T>
class Task;

// Runnable is an entry of a loop's ready queue. Whatever becomes ready is queued and run by the
// loop, never by the one who made it ready: no recursion, no surprise re-entrance.
class Runnable {
 public:
  Runnable() = default;
  Runnable(const Runnable&) = delete;
  Runnable& operator=(const Runnable&) = delete;

 protected:
  ~Runnable() = default;

 private:
  friend class Loop;
  virtual void run() = 0;
  Runnable* next_ready_ = nullptr;
};

struct PromiseBase;

// FrameCensus counts the coroutine frames of the calling thread, for tests of leaks and of budgets.
struct FrameCensus {
  std::ptrdiff_t live = 0;
  std::ptrdiff_t live_bytes = 0;
  std::size_t bytes_max = 0;  // the largest frame since the last reset_frame_bytes_max()
};
FrameCensus frame_census();
void reset_frame_bytes_max();

// Catcher is the awaiting side that takes a child's error as a value: an `as_result` await, or the
// root of a fiber. It owns the child's frame.
class Catcher : public Runnable {
 protected:
  Catcher() = default;
  ~Catcher() {
    if (child_) {
      child_.destroy();
    }
  }

  friend struct PromiseBase;
  std::coroutine_handle<> child_;
  std::optional<Error> error_;
};

// PromiseBase is what every coroutine of ours has: its place in the chain of awaits.
struct PromiseBase {
  Fiber* fiber = nullptr;
  PromiseBase* parent = nullptr;  // who awaits this coroutine; null at the root of a fiber
  Catcher* catcher = nullptr;     // set when the awaiting side takes errors as values
  std::coroutine_handle<> self;
  std::optional<Error> returned_error;  // by `co_return fail(…)`

  // Frames come from a per-thread free list: a read or write on the data path costs a coroutine
  // frame, and must not cost a malloc (frames are freed on the thread that made them).
  static void* operator new(std::size_t bytes);
  static void operator delete(void* frame, std::size_t bytes);

  std::suspend_always initial_suspend() noexcept { return {}; }
  [[noreturn]] void unhandled_exception() noexcept;

  // unwind ends `failed` and all that await it, up to the nearest catcher, which is then scheduled
  // with `error`. All frames between are destroyed, innermost first. The caller must be suspended
  // and must not touch its frame afterwards.
  static void unwind(PromiseBase& failed, Error error);

  // finish is called at final suspension and gives the coroutine to go on with.
  std::coroutine_handle<> finish();

  template <class T>
  auto await_transform(Task<T> task);
  template <class T>
  auto await_transform(Result<T> result);
  auto await_transform(std::unexpected<Error> error);
  template <class Awaiter>
    requires requires { typename std::remove_cvref_t<Awaiter>::FiberAwaiter; }
  Awaiter&& await_transform(Awaiter&& awaiter) {
    return std::forward<Awaiter>(awaiter);
  }
  template <class L>
    requires std::derived_from<std::remove_cvref_t<L>, Leaf>
  auto await_transform(L&& leaf);
};

struct FinalAwaiter {
  bool await_ready() noexcept { return false; }
  template <class P>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<P> handle) noexcept {
    return handle.promise().finish();
  }
  void await_resume() noexcept {}
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  FinalAwaiter final_suspend() noexcept { return {}; }
  void return_value(std::unexpected<Error> error) { returned_error = std::move(error).error(); }
  void return_value(Result<T> result) {
    if (result) {
      value.emplace(std::move(*result));
    } else {
      returned_error = std::move(result).error();
    }
  }
  template <class U>
    requires std::constructible_from<T, U&&>
  void return_value(U&& v) {
    value.emplace(std::forward<U>(v));
  }
  T take() { return std::move(*value); }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  FinalAwaiter final_suspend() noexcept { return {}; }
  void return_void() {}
  void take() {}
};

// Task is started only by being awaited or spawned in a Scope, so nothing can run detached.
// Parameters of a coroutine are kept by value in its frame; a reference parameter must outlive the
// task. A Task is destroyed only before it started or after it ended.
// Not [[clang::coro_return_type]] (and so not coro_lifetimebound): std::function could not return
// it, since every function that passes a Task on, also those inside the standard library, would
// have to be marked.
template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = Promise<T>;

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) {
      handle_.destroy();
    }
  }

  // release gives up the frame to the awaiting side.
  std::coroutine_handle<Promise<T>> release() { return std::exchange(handle_, {}); }

 private:
  friend struct Promise<T>;
  explicit Task(std::coroutine_handle<Promise<T>> handle) : handle_(handle) {}
  std::coroutine_handle<Promise<T>> handle_;
};

template <class T>
Task<T> Promise<T>::get_return_object() {
  const auto handle = std::coroutine_handle<Promise<T>>::from_promise(*this);
  self = handle;
  return Task<T>(handle);
}
inline Task<void> Promise<void>::get_return_object() {
  const auto handle = std::coroutine_handle<Promise<void>>::from_promise(*this);
  self = handle;
  return Task<void>(handle);
}

// The await of a task whose failure ends the awaiting coroutine.
template <class T>
class TaskAwaiter {
 public:
  explicit TaskAwaiter(Task<T> task) : child_(task.release()) {}
  TaskAwaiter(const TaskAwaiter&) = delete;
  TaskAwaiter& operator=(const TaskAwaiter&) = delete;
  ~TaskAwaiter() {
    if (child_) {
      child_.destroy();
    }
  }
  bool await_ready() const noexcept { return false; }
  template <class P>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<P> parent) {
    child_.promise().fiber = parent.promise().fiber;
    child_.promise().parent = &parent.promise();
    return child_;
  }
  T await_resume() { return child_.promise().take(); }

 private:
  std::coroutine_handle<Promise<T>> child_;
};

// The await of a task whose failure is taken as a value.
template <class T>
class CatchingAwaiter final : public Catcher {
 public:
  using FiberAwaiter = void;
  explicit CatchingAwaiter(Task<T> task) : typed_(task.release()) { child_ = typed_; }
  bool await_ready() const noexcept { return false; }
  template <class P>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<P> parent) {
    parent_ = parent;
    auto& promise = typed_.promise();
    promise.fiber = parent.promise().fiber;
    promise.parent = &parent.promise();
    promise.catcher = this;
    return typed_;
  }
  Result<T> await_resume() {
    if (error_) {
      return fail(std::move(*error_));
    }
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return typed_.promise().take();
    }
  }

 private:
  void run() override { parent_.resume(); }
  std::coroutine_handle<Promise<T>> typed_;
  std::coroutine_handle<> parent_;
};

// as_result marks the place where a failure is handled: `auto r = co_await as_result(task);`.
template <class T>
CatchingAwaiter<T> as_result(Task<T> task) {
  return CatchingAwaiter<T>(std::move(task));
}

// The await of a value that is there already: unwraps it or ends the awaiting coroutine.
template <class T>
class ResultAwaiter {
 public:
  explicit ResultAwaiter(Result<T> result) : result_(std::move(result)) {}
  bool await_ready() const noexcept { return result_.has_value(); }
  template <class P>
  void await_suspend(std::coroutine_handle<P> handle) {
    Error error = std::move(result_).error();  // moved out: unwind destroys this awaiter
    PromiseBase::unwind(handle.promise(), std::move(error));
  }
  T await_resume() {
    if constexpr (!std::is_void_v<T>) {
      return std::move(*result_);
    }
  }

 private:
  Result<T> result_;
};

template <class T>
auto PromiseBase::await_transform(Task<T> task) {
  return TaskAwaiter<T>(std::move(task));
}
template <class T>
auto PromiseBase::await_transform(Result<T> result) {
  return ResultAwaiter<T>(std::move(result));
}
inline auto PromiseBase::await_transform(std::unexpected<Error> error) {
  return ResultAwaiter<void>(Result<void>(std::move(error)));
}

}  // namespace culvert::io

#include "ztunnel/lib/io/leaf.h"  // completes await_transform for suspension points
