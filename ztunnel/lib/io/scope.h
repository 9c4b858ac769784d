// Scope: a nursery. Fibers (root coroutines) live in one, are cancelled through it and are waited
// for by it; it can't be destroyed before them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ztunnel/lib/io/leaf.h"
#include "ztunnel/lib/io/task.h"

namespace culvert::io {

class Scope;

// Fiber is the root of one chain of awaits. Made by Scope::spawn only.
class Fiber final : public Catcher {
 public:
  Loop& loop() const;
  bool cancelled() const { return cancelled_; }
  void cancel();

 private:
  friend class Scope;
  friend class Leaf;
  Fiber(Scope& scope, Task<> task);
  void run() override;

  Scope& scope_;
  Leaf* leaf_ = nullptr;  // where it sleeps
  bool started_ = false;
  bool cancelled_ = false;
  Fiber* previous_ = nullptr;
  Fiber* next_ = nullptr;
};

class JoinLeaf;

class Scope {
 public:
  enum class OnFailure : std::uint8_t {
    cancel_siblings,  // the first failure cancels the others and is what join() fails with
    ignore,           // children are independent (connections of a server); join() never sees it
  };

  explicit Scope(Loop& loop, OnFailure on_failure = OnFailure::cancel_siblings)
      : loop_(loop), on_failure_(on_failure) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope() { CULVERT_ASSERT(first_ == nullptr && joiner_ == nullptr); }

  // spawn starts `task` at the loop's next turn. In a cancelled scope it starts too, and ends at
  // its first suspension.
  void spawn(Task<> task);

  // cancel asks all children, present and future, to end. Returns at once; join() waits.
  void cancel();

  // join suspends until no child is left. Fails with the first failure of a child where that
  // cancels siblings; with `cancelled` if the joining fiber was cancelled, but even then only after
  // the last child has ended. One joiner at a time.
  JoinLeaf join();

  bool empty() const { return first_ == nullptr; }
  bool cancelled() const { return cancelled_; }
  std::size_t size() const { return count_; }
  Loop& loop() const { return loop_; }

 private:
  friend class Fiber;
  friend class JoinLeaf;
  void ended(Fiber& fiber, std::optional<Error> error);

  Loop& loop_;
  OnFailure on_failure_;
  bool cancelled_ = false;
  std::size_t count_ = 0;
  Fiber* first_ = nullptr;
  JoinLeaf* joiner_ = nullptr;
  std::optional<Error> failure_;
};

class JoinLeaf final : public LeafOf<JoinLeaf, void> {
 public:
  explicit JoinLeaf(Scope& scope) : scope_(scope) {}
  void value() {}

 private:
  friend class Scope;
  bool awaits_even_if_cancelled() const override { return true; }
  void start() override;
  void request_cancel() override;
  void children_ended();

  Scope& scope_;
  bool cancelled_ = false;
};

}  // namespace culvert::io
