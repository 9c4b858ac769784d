// Leaf: the bottom of a chain of awaits, where a fiber really sleeps: an operation of the loop, a
// timer, an event, the join of a scope. A fiber has at most one, which is what makes cancellation
// simple: it is asked to end, and the fiber goes on only when it has ended.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ztunnel/lib/io/task.h"

namespace culvert::io {

class Leaf : public Runnable {
 public:
  // begin suspends `waiter` on this leaf. With `catches` a failure resumes it, else it unwinds it.
  void begin(PromiseBase& waiter, bool catches);

  // cancel asks a pending leaf to end early; it then completes with `cancelled` or with what came
  // first. Harmless when repeated, and on a leaf that has completed already.
  void cancel();

  bool pending() const { return state_ == State::pending; }

 protected:
  Leaf() = default;
  ~Leaf() { CULVERT_ASSERT(state_ != State::pending); }

  // complete schedules the waiter. Called exactly once for each begin.
  void complete();
  void complete(Error error);

  // awaits_even_if_cancelled is true for the join of a scope alone: its children use the frame
  // that waits for them, so it waits for them also in a fiber that was cancelled.
  virtual bool awaits_even_if_cancelled() const { return false; }
  virtual void start() = 0;
  virtual void request_cancel() = 0;

  Loop& loop() const;
  std::optional<Error> error_;

 private:
  void run() override;

  enum class State : std::uint8_t { idle, pending, done };
  State state_ = State::idle;
  bool catches_ = false;
  bool cancel_requested_ = false;
  PromiseBase* waiter_ = nullptr;
};

template <class L, bool kCatches>
class LeafAwaiter {
 public:
  using FiberAwaiter = void;
  explicit LeafAwaiter(L& leaf) : leaf_(leaf) {}
  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> handle) {
    leaf_.begin(handle.promise(), kCatches);
  }
  auto await_resume() {
    if constexpr (kCatches) {
      return leaf_.result();
    } else {
      return leaf_.value();
    }
  }

 private:
  L& leaf_;
};

// A leaf type L offers `value()` for success; `result()` is made of it here.
template <class Derived, class T>
class LeafOf : public Leaf {
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
};

template <class L>
  requires std::derived_from<L, Leaf>
LeafAwaiter<L, true> as_result(L&& leaf) {
  return LeafAwaiter<L, true>(leaf);
}

template <class L>
  requires std::derived_from<std::remove_cvref_t<L>, Leaf>
auto PromiseBase::await_transform(L&& leaf) {
  return LeafAwaiter<std::remove_cvref_t<L>, false>(leaf);
}

}  // namespace culvert::io
