// Event: wakes fibers of the same loop. It has no memory, like a condition variable: the waiter
// checks its condition in a loop.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ztunnel/lib/io/leaf.h"
#include "ztunnel/lib/io/scope.h"

namespace culvert::io {

class Event {
 public:
  class Wait final : public LeafOf<Wait, void> {
   public:
    explicit Wait(Event& event) : event_(event) {}
    void value() {}

   private:
    friend class Event;
    void start() override {
      previous_ = event_.last_;
      (previous_ != nullptr ? previous_->next_ : event_.first_) = this;
      event_.last_ = this;
    }
    void request_cancel() override {
      event_.unlink(*this);
      complete(Error{.code = Errc::cancelled, .context = "cancelled"});
    }
    void wake() {
      event_.unlink(*this);
      complete();
    }

    Event& event_;
    Wait* previous_ = nullptr;
    Wait* next_ = nullptr;
  };

  Event() = default;
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { CULVERT_ASSERT(first_ == nullptr); }

  Wait wait() { return Wait(*this); }

  // notify_all wakes the fibers that wait now, in the order in which they came.
  void notify_all() {
    while (first_ != nullptr) {
      first_->wake();
    }
  }
  void notify_one() {
    if (first_ != nullptr) {
      first_->wake();
    }
  }
  bool has_waiters() const { return first_ != nullptr; }

 private:
  void unlink(Wait& wait) {
    (wait.previous_ != nullptr ? wait.previous_->next_ : first_) = wait.next_;
    (wait.next_ != nullptr ? wait.next_->previous_ : last_) = wait.previous_;
  }

  Wait* first_ = nullptr;
  Wait* last_ = nullptr;
};

}  // namespace culvert::io
