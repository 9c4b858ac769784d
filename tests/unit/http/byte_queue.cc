// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/http/byte_queue.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace culvert::http {
namespace {

TEST_CASE("a byte queue gives back what was appended, in order, across slabs") {
  ByteQueue queue;
  std::string sent;
  for (int i = 0; i < 3000; ++i) {
    const std::string piece = std::to_string(i) + ",";
    queue.append(as_bytes(piece));
    sent += piece;
  }
  queue.append(as_bytes(std::string(40'000, 'x')));
  sent += std::string(40'000, 'x');
  CHECK(queue.size() == sent.size());

  std::string got;
  std::vector<std::uint8_t> buffer(777);
  while (!queue.empty()) {
    const std::size_t n = queue.take(buffer);
    got += as_text({buffer.data(), n});
  }
  CHECK(got == sent);
  CHECK(queue.take(buffer) == 0);
}

TEST_CASE("a byte queue can be filled again after it was emptied or cleared") {
  ByteQueue queue;
  std::vector<std::uint8_t> buffer(10);
  queue.append(as_bytes("abc"));
  CHECK(queue.take(buffer) == 3);
  queue.append(as_bytes("de"));
  queue.clear();
  CHECK(queue.empty());
  queue.append(as_bytes("fgh"));
  CHECK(queue.take({buffer.data(), 2}) == 2);
  CHECK(queue.size() == 1);
}

}  // namespace
}  // namespace culvert::http
