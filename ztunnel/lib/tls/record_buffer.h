// RecordBuffer: where ciphertext waits between BoringSSL and the transport. Large ones are lent by
// the thread and given back as soon as they are empty, so that an idle connection holds none.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "ztunnel/lib/base/bytes.h"

namespace culvert::tls {

// A TLS 1.3 record: 16 KiB of plaintext, header 5, content type 1, tag 16 (RFC 8446 §5.2).
inline constexpr std::size_t kRecordPlainBytes = 16 * 1024;
inline constexpr std::size_t kRecordOverheadBytes = 22;
// Four records at a time: one system call carries 64 KiB, as the copy loops above do.
inline constexpr std::size_t kRecordsAtOnce = 4;
inline constexpr std::size_t kWriteBytes = kRecordsAtOnce * kRecordPlainBytes;
// The four records, and room for what BoringSSL puts before them (a KeyUpdate's answer, an alert).
inline constexpr std::size_t kRecordBufferBytes =
    kRecordsAtOnce * (kRecordPlainBytes + kRecordOverheadBytes) + 4096;
// Kept per thread after use: 1 MiB, which is as many connections as are mid-write at one moment.
inline constexpr std::size_t kRecordBuffersKept = 16;

class RecordBuffer {
 public:
  RecordBuffer() = default;
  RecordBuffer(RecordBuffer&& other) noexcept
      : storage_(std::exchange(other.storage_, nullptr)),
        begin_(std::exchange(other.begin_, 0)),
        end_(std::exchange(other.end_, 0)) {}
  RecordBuffer& operator=(RecordBuffer&& other) noexcept;
  ~RecordBuffer() { release(); }

  bool empty() const { return begin_ == end_; }
  Bytes filled() const { return {storage_ + begin_, end_ - begin_}; }

  // take copies up to `into`'s size out of it and gives their number.
  std::size_t take(MutableBytes into);
  // append copies as much of `from` in as there is room for and gives its number.
  std::size_t append(Bytes from);

  // room gives the free space, after borrowing storage if it has none; filled_more says how much of
  // it was written to.
  MutableBytes room();
  void filled_more(std::size_t bytes) { end_ += bytes; }

  // release gives the storage back; what was in it is lost.
  void release();

 private:
  std::uint8_t* storage_ = nullptr;  // kRecordBufferBytes, lent by the thread
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace culvert::tls
