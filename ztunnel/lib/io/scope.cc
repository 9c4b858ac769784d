// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/io/scope.h"

#include "ztunnel/lib/io/loop.h"

namespace culvert::io {

Fiber::Fiber(Scope& scope, Task<> task) : scope_(scope) {
  const auto handle = task.release();
  handle.promise().fiber = this;
  handle.promise().catcher = this;
  child_ = handle;
}

Loop& Fiber::loop() const {
  return scope_.loop();
}

void Fiber::cancel() {
  cancelled_ = true;
  if (leaf_ != nullptr) {
    leaf_->cancel();
  }
}

void Fiber::run() {
  if (!started_) {
    started_ = true;
    child_.resume();
    return;
  }
  scope_.ended(*this, std::move(error_));
  delete this;  // made by spawn, and nothing refers to an ended fiber
}

void Scope::spawn(Task<> task) {
  auto* fiber = new Fiber(*this, std::move(task));
  fiber->cancelled_ = cancelled_;
  fiber->next_ = first_;
  if (first_ != nullptr) {
    first_->previous_ = fiber;
  }
  first_ = fiber;
  ++count_;
  loop_.schedule(*fiber);
}

void Scope::cancel() {
  cancelled_ = true;
  for (Fiber* fiber = first_; fiber != nullptr; fiber = fiber->next_) {
    fiber->cancel();
  }
}

JoinLeaf Scope::join() {
  return JoinLeaf(*this);
}

void Scope::ended(Fiber& fiber, std::optional<Error> error) {
  (fiber.previous_ != nullptr ? fiber.previous_->next_ : first_) = fiber.next_;
  if (fiber.next_ != nullptr) {
    fiber.next_->previous_ = fiber.previous_;
  }
  --count_;
  if (error && on_failure_ == OnFailure::cancel_siblings && !cancelled_) {
    failure_ = std::move(error);
    cancel();
  }
  if (first_ == nullptr && joiner_ != nullptr) {
    std::exchange(joiner_, nullptr)->children_ended();
  }
}

void JoinLeaf::start() {
  if (scope_.empty()) {
    children_ended();
    return;
  }
  CULVERT_ASSERT(scope_.joiner_ == nullptr);
  scope_.joiner_ = this;
}

void JoinLeaf::request_cancel() {
  cancelled_ = true;
  scope_.cancel();
}

void JoinLeaf::children_ended() {
  if (scope_.failure_) {
    complete(*std::exchange(scope_.failure_, std::nullopt));
  } else if (cancelled_) {
    complete(Error{.code = Errc::cancelled, .context = "cancelled"});
  } else {
    complete();
  }
}

}  // namespace culvert::io
