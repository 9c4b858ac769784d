// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/io/loop.h"

#include <algorithm>
#include <cstdlib>

namespace culvert::io {

Loop& Leaf::loop() const {
  return waiter_->fiber->loop();
}

void Leaf::begin(PromiseBase& waiter, bool catches) {
  CULVERT_ASSERT(state_ == State::idle);  // a leaf is awaited once
  waiter_ = &waiter;
  catches_ = catches;
  state_ = State::pending;
  Fiber& fiber = *waiter.fiber;
  fiber.leaf_ = this;
  if (!fiber.cancelled()) {
    start();
  } else if (awaits_even_if_cancelled()) {
    start();
    cancel();
  } else {
    complete(Error{.code = Errc::cancelled, .context = "cancelled"});
  }
  fiber.loop().suspended(*this);
}

void Leaf::cancel() {
  if (state_ == State::pending && !cancel_requested_) {
    cancel_requested_ = true;
    request_cancel();
  }
}

void Leaf::complete() {
  CULVERT_ASSERT(state_ == State::pending);
  state_ = State::done;
  loop().schedule(*this);
}

void Leaf::complete(Error error) {
  error_ = std::move(error);
  complete();
}

void Leaf::run() {
  waiter_->fiber->leaf_ = nullptr;
  if (error_ && !catches_) {
    Error error = std::move(*error_);  // unwind destroys this leaf with its frame
    PromiseBase::unwind(*waiter_, std::move(error));
    return;
  }
  waiter_->self.resume();
}

Loop::~Loop() {
  CULVERT_ASSERT(timers_.empty() && ready_first_ == nullptr);
}

void Loop::schedule(Runnable& runnable) {
  runnable.next_ready_ = nullptr;
  *ready_end_ = &runnable;
  ready_end_ = &runnable.next_ready_;
}

void Loop::post(std::function<void()> function) {
  {
    const std::lock_guard lock(posted_mutex_);
    posted_.push_back(std::move(function));
  }
  any_posted_.store(true, std::memory_order_release);
  wake();
}

void Loop::run() {
  stopped_ = false;
  while (!stopped_) {
    turn();
  }
}

bool Loop::turn(std::optional<Duration> max_wait) {
  std::optional<Duration> timeout = max_wait;
  if (ready_first_ != nullptr) {
    timeout = Duration::zero();
  } else if (!timers_.empty()) {
    const Duration until = std::max(timers_.begin()->first - read_clock(), Duration::zero());
    timeout = timeout ? std::min(*timeout, until) : until;
  }
  const bool more = wait(timeout);
  refresh_now();
  run_posted();
  fire_timers();
  run_ready();
  return more;
}

// Runs what was ready when it began: what becomes ready meanwhile waits for the next turn, so that
// a coroutine that is always ready can't keep the loop from its descriptors.
void Loop::run_ready() {
  Runnable* next = std::exchange(ready_first_, nullptr);
  ready_end_ = &ready_first_;
  if (shuffle_ != nullptr) {
    next = shuffled(next);
  }
  while (next != nullptr) {
    Runnable& runnable = *next;
    next = runnable.next_ready_;
    runnable.run();
  }
}

Runnable* Loop::shuffled(Runnable* first) {
  std::vector<Runnable*> order;
  for (Runnable* runnable = first; runnable != nullptr; runnable = runnable->next_ready_) {
    order.push_back(runnable);
  }
  for (std::size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[shuffle_->below(i)]);
  }
  Runnable* next = nullptr;
  for (Runnable* runnable : order) {
    runnable->next_ready_ = std::exchange(next, runnable);
  }
  return next;
}

void Loop::fire_timers() {
  while (!timers_.empty() && timers_.begin()->first <= now_) {
    SleepLeaf& leaf = *timers_.begin()->second;
    timers_.erase(timers_.begin());
    leaf.complete();
  }
}

void Loop::run_posted() {
  if (!any_posted_.exchange(false, std::memory_order_acquire)) {
    return;  // the lock is not taken in every turn
  }
  std::vector<std::function<void()>> posted;
  {
    const std::lock_guard lock(posted_mutex_);
    posted.swap(posted_);
  }
  for (auto& function : posted) {
    function();
  }
}

namespace {

// The backend that the environment asks for.
Result<Backend> chosen_backend() {
  const char* value = std::getenv("CULVERT_IO");
  const std::string_view wanted = value != nullptr ? value : "";
  if (wanted.empty() || wanted == "auto") {
    return Backend::automatic;
  }
  if (wanted == "uring") {
    return Backend::uring;
  }
  if (wanted == "epoll") {
    return Backend::epoll;
  }
  return fail(Errc::config, "the environment's CULVERT_IO is \"" + std::string(wanted) +
                                "\"; set it to uring, epoll or auto, or unset it");
}

}  // namespace

Result<std::unique_ptr<Loop>> make_loop(Backend backend, std::string* fallback_reason) {
  if (backend == Backend::automatic) {
    TRY(backend, chosen_backend());
  }
  if (backend != Backend::epoll) {
    auto loop = make_uring_loop();
    if (loop || backend == Backend::uring) {
      return loop;
    }
    if (fallback_reason != nullptr) {
      *fallback_reason = to_string(loop.error());
    }
  }
  return make_epoll_loop();
}

}  // namespace culvert::io
