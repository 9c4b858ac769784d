// ByteQueue: bytes that arrived before a reader came. Memory grows with the bytes held, not with
// their number of pieces, and none is held when empty.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "ztunnel/lib/base/bytes.h"

namespace culvert::http {

class ByteQueue {
 public:
  ByteQueue() = default;
  ByteQueue(const ByteQueue&) = delete;
  ByteQueue& operator=(const ByteQueue&) = delete;
  ~ByteQueue() { clear(); }

  void append(Bytes bytes);
  // take moves up to into.size() bytes from the front and gives their number.
  std::size_t take(MutableBytes into);
  void clear();
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  struct Slab;
  static Slab* make_slab(std::size_t wanted);
  static void free_slab(Slab* slab);

  Slab* first_ = nullptr;
  Slab* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace culvert::http
