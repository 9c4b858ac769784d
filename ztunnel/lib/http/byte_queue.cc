// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/http/byte_queue.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "ztunnel/lib/base/assert.h"

namespace culvert::http {
namespace {

// A stream with a short message that nobody reads yet must not cost a whole slab.
constexpr std::size_t kSlabBytesSmall = 2 * 1024;
constexpr std::size_t kSlabBytes = 16 * 1024;

}  // namespace

struct ByteQueue::Slab {
  Slab* next = nullptr;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t capacity = 0;  // of the bytes that follow this struct

  std::uint8_t* bytes() { return reinterpret_cast<std::uint8_t*>(this + 1); }
};

ByteQueue::Slab* ByteQueue::make_slab(std::size_t wanted) {
  const std::size_t total = wanted <= kSlabBytesSmall - sizeof(Slab) ? kSlabBytesSmall : kSlabBytes;
  void* memory = std::malloc(total);
  CULVERT_ASSERT(memory != nullptr);
  return new (memory) Slab{.capacity = total - sizeof(Slab)};
}

void ByteQueue::free_slab(Slab* slab) {
  std::free(slab);
}

void ByteQueue::append(Bytes bytes) {
  while (!bytes.empty()) {
    if (last_ == nullptr || last_->end == last_->capacity) {
      // Only the first slab may be small: a queue that filled one is likely to fill more.
      Slab* slab = make_slab(last_ == nullptr ? bytes.size() : kSlabBytes);
      (last_ == nullptr ? first_ : last_->next) = slab;
      last_ = slab;
    }
    const std::size_t n = std::min(bytes.size(), last_->capacity - last_->end);
    std::memcpy(last_->bytes() + last_->end, bytes.data(), n);
    last_->end += n;
    size_ += n;
    bytes = bytes.subspan(n);
  }
}

std::size_t ByteQueue::take(MutableBytes into) {
  std::size_t taken = 0;
  while (first_ != nullptr && taken < into.size()) {
    const std::size_t n = std::min(into.size() - taken, first_->end - first_->begin);
    std::memcpy(into.data() + taken, first_->bytes() + first_->begin, n);
    first_->begin += n;
    taken += n;
    if (first_->begin == first_->end) {
      Slab* emptied = first_;
      first_ = first_->next;
      free_slab(emptied);
    }
  }
  if (first_ == nullptr) {
    last_ = nullptr;
  }
  size_ -= taken;
  return taken;
}

void ByteQueue::clear() {
  while (first_ != nullptr) {
    Slab* slab = first_;
    first_ = first_->next;
    free_slab(slab);
  }
  last_ = nullptr;
  size_ = 0;
}

}  // namespace culvert::http
