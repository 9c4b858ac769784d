// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/io/task.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>

#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/io/scope.h"

namespace culvert::io {
namespace {

// Sanitizers see a use of a dead frame only when frames really are freed.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CULVERT_FRAMES_FROM_MALLOC 1
#endif
#endif

constexpr std::size_t kFrameClassBytes = 64;        // granularity of the free lists
constexpr std::size_t kFramePooledBytesMax = 2048;  // larger frames are once-a-connection, not hot
constexpr std::size_t kFramesKeptPerClass = 256;    // at most 2048 * 256 * 32 / 2 = 8 MiB a thread

struct FreeFrame {
  FreeFrame* next;
};

struct FreeList {
  FreeFrame* head = nullptr;
  std::size_t count = 0;
};

class FramePool {
 public:
  ~FramePool() {
    for (auto& list : lists_) {
      while (list.head != nullptr) {
        std::free(std::exchange(list.head, list.head->next));
      }
    }
  }

  void* take(std::size_t bytes) {
    const std::size_t index = (bytes + kFrameClassBytes - 1) / kFrameClassBytes;
    if (bytes > kFramePooledBytesMax || lists_[index].head == nullptr) {
      return std::malloc(index * kFrameClassBytes);
    }
    --lists_[index].count;
    return std::exchange(lists_[index].head, lists_[index].head->next);
  }

  void give(void* frame, std::size_t bytes) {
    const std::size_t index = (bytes + kFrameClassBytes - 1) / kFrameClassBytes;
    if (bytes > kFramePooledBytesMax || lists_[index].count >= kFramesKeptPerClass) {
      std::free(frame);
      return;
    }
    ++lists_[index].count;
    lists_[index].head = new (frame) FreeFrame{lists_[index].head};
  }

 private:
  std::array<FreeList, kFramePooledBytesMax / kFrameClassBytes + 1> lists_;
};

#ifndef CULVERT_FRAMES_FROM_MALLOC
thread_local FramePool frame_pool;
#endif

thread_local FrameCensus census;

}  // namespace

FrameCensus frame_census() {
  return census;
}

void reset_frame_bytes_max() {
  census.bytes_max = 0;
}

void* PromiseBase::operator new(std::size_t bytes) {
  ++census.live;
  census.live_bytes += static_cast<std::ptrdiff_t>(bytes);
  census.bytes_max = std::max(census.bytes_max, bytes);
#ifdef CULVERT_FRAMES_FROM_MALLOC
  void* frame = std::malloc(bytes);
#else
  void* frame = frame_pool.take(bytes);
#endif
  CULVERT_ASSERT(frame != nullptr);  // out of memory aborts: a restart costs less than handling it
  return frame;
}

void PromiseBase::operator delete(void* frame, std::size_t bytes) {
  --census.live;
  census.live_bytes -= static_cast<std::ptrdiff_t>(bytes);
#ifdef CULVERT_FRAMES_FROM_MALLOC
  (void)bytes;
  std::free(frame);
#else
  frame_pool.give(frame, bytes);
#endif
}

void PromiseBase::unhandled_exception() noexcept {
  std::fprintf(stderr, "an exception reached a coroutine; nothing of ours throws\n");
  std::abort();
}

void PromiseBase::unwind(PromiseBase& failed, Error error) {
  PromiseBase* top = &failed;
  while (top->catcher == nullptr) {
    top = top->parent;
  }
  Catcher& catcher = *top->catcher;
  Loop& loop = top->fiber->loop();
  catcher.error_ = std::move(error);
  std::exchange(catcher.child_, {}).destroy();
  loop.schedule(catcher);
}

std::coroutine_handle<> PromiseBase::finish() {
  if (returned_error) {
    Error error = std::move(*returned_error);
    unwind(*this, std::move(error));
    return std::noop_coroutine();
  }
  if (parent != nullptr) {
    return parent->self;
  }
  fiber->loop().schedule(*catcher);  // the root: the fiber ends when the loop gets to it
  return std::noop_coroutine();
}

}  // namespace culvert::io
