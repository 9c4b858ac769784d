// OutputBuffer: the frames of one write to the transport, of however many streams, back to back.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>

#include "ztunnel/lib/base/bytes.h"
#include "ztunnel/lib/http/limits.h"

namespace culvert::http {

class OutputBuffer {
 public:
  void append(Bytes bytes) {
    if (size_ + bytes.size() > capacity_) {
      grow(size_ + bytes.size());
    }
    std::memcpy(bytes_.get() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  // full is a question for whoever adds frames: a frame that was begun may go beyond it.
  bool full() const { return size_ >= kOutputBatchBytes; }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  Bytes bytes() const { return {bytes_.get(), size_}; }
  void clear() { size_ = 0; }
  // release gives the memory back; for a connection that fell idle.
  void release() {
    bytes_.reset();
    size_ = capacity_ = 0;
  }

 private:
  void grow(std::size_t needed) {
    capacity_ = std::max({needed, capacity_ * 2, std::size_t{1024}});
    auto larger = std::make_unique_for_overwrite<std::uint8_t[]>(capacity_);
    if (size_ > 0) {
      std::memcpy(larger.get(), bytes_.get(), size_);
    }
    bytes_ = std::move(larger);
  }

  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace culvert::http
