// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/tls/record_buffer.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "ztunnel/lib/base/assert.h"

namespace culvert::tls {
namespace {

class Pool {
 public:
  ~Pool() {
    while (count_ > 0) {
      std::free(kept_[--count_]);
    }
  }

  std::uint8_t* take() {
    if (count_ > 0) {
      return kept_[--count_];
    }
    auto* storage = static_cast<std::uint8_t*>(std::malloc(kRecordBufferBytes));
    CULVERT_ASSERT(storage != nullptr);  // out of memory aborts: a restart costs less
    return storage;
  }

  void give(std::uint8_t* storage) {
    if (count_ < kept_.size()) {
      kept_[count_++] = storage;
    } else {
      std::free(storage);
    }
  }

 private:
  std::array<std::uint8_t*, kRecordBuffersKept> kept_{};
  std::size_t count_ = 0;
};

thread_local Pool pool;

}  // namespace

MutableBytes RecordBuffer::whole() {
  if (storage_ == nullptr) {
    storage_ = pool.take();
  }
  return {storage_, kRecordBufferBytes};
}

std::size_t RecordBuffer::append(Bytes from) {
  const auto storage = whole();
  const std::size_t count = std::min(from.size(), storage.size() - size_);
  std::memcpy(storage.data() + size_, from.data(), count);
  size_ += count;
  return count;
}

void RecordBuffer::release() {
  if (storage_ != nullptr) {
    pool.give(std::exchange(storage_, nullptr));
  }
  size_ = 0;
}

}  // namespace culvert::tls
