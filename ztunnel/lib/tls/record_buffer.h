// RecordBuffer: where ciphertext waits between BoringSSL and the transport. The thread lends it and
// takes it back as soon as it is empty, so that an idle connection holds none and a busy one does
// not allocate.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "ztunnel/lib/base/bytes.h"

namespace culvert::tls {

// A TLS 1.3 record: 16 KiB of plaintext, and header 5, content type 1, tag 16 (RFC 8446 §5.2).
inline constexpr std::size_t kRecordPlainBytes = 16 * 1024;
inline constexpr std::size_t kRecordOverheadBytes = 22;
// Four records at a time: one system call carries 64 KiB.
inline constexpr std::size_t kWriteBytes = 4 * kRecordPlainBytes;
// Four records, and 4 KiB for what BoringSSL puts before them (a KeyUpdate, an alert).
inline constexpr std::size_t kRecordBufferBytes =
    4 * (kRecordPlainBytes + kRecordOverheadBytes) + 4096;
// Kept by a thread after use: 1 MiB; more are lent only while as many connections are in mid-write.
inline constexpr std::size_t kRecordBuffersKept = 16;

class RecordBuffer {
 public:
  RecordBuffer() = default;
  RecordBuffer(RecordBuffer&& other) noexcept
      : storage_(std::exchange(other.storage_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  RecordBuffer& operator=(RecordBuffer&& other) noexcept {
    if (this != &other) {
      release();
      storage_ = std::exchange(other.storage_, nullptr);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  ~RecordBuffer() { release(); }

  bool empty() const { return size_ == 0; }
  Bytes filled() const { return {storage_, size_}; }

  // whole gives all kRecordBufferBytes, borrowing them if need be.
  MutableBytes whole();

  // append copies as much of `from` in as there is room for and gives its number.
  std::size_t append(Bytes from);

  // release gives the storage back; what was in it is lost.
  void release();

 private:
  std::uint8_t* storage_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace culvert::tls
