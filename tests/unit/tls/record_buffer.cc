// Buffers that a thread lends.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/tls/record_buffer.h"

#include <doctest/doctest.h>

#include <vector>

namespace culvert::tls {
namespace {

TEST_CASE("a buffer takes what it has room for and no more") {
  RecordBuffer buffer;
  CHECK(buffer.empty());
  const std::vector<std::uint8_t> bytes(kRecordBufferBytes - 1, 7);
  CHECK(buffer.append(bytes) == bytes.size());
  CHECK(buffer.append(bytes) == 1);
  CHECK(buffer.append(bytes) == 0);
  CHECK(buffer.filled().size() == kRecordBufferBytes);
  buffer.release();
  CHECK(buffer.empty());
}

TEST_CASE("a buffer that was given back is lent again, and a moved one has one owner") {
  RecordBuffer first;
  const auto* storage = first.whole().data();
  RecordBuffer second = std::move(first);
  CHECK(second.whole().data() == storage);
  second.release();
  RecordBuffer third;
  CHECK(third.whole().data() == storage);
}

TEST_CASE("four full records fit") {
  CHECK(4 * (kRecordPlainBytes + kRecordOverheadBytes) < kRecordBufferBytes);
  CHECK(kWriteBytes == 4 * kRecordPlainBytes);
}

}  // namespace
}  // namespace culvert::tls
