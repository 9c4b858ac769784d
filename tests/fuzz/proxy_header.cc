// The bytes of a PROXY header. What is read is no more than what came, is written and read back as
// the same, and a header that is not whole yet never turns into another one when more bytes come.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/net/proxy_header.h"

#include <algorithm>

#include "ztunnel/lib/base/assert.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace culvert;
  const Bytes all(bytes, size);
  const auto parsed = net::parse_proxy_header(all);
  if (!parsed) {
    CULVERT_ASSERT(parsed.error().code == Errc::protocol || parsed.error().code == Errc::limit);
    CULVERT_ASSERT(!parsed.error().context.empty());
    return 0;
  }
  const std::size_t whole = *parsed ? (*parsed)->bytes : size;
  CULVERT_ASSERT(whole <= size && (!*parsed || whole <= net::kProxyHeaderBytesMax));
  if (whole > 0) {
    const auto before = net::parse_proxy_header(all.first(whole - 1));
    CULVERT_ASSERT(before && !*before);
  }
  if (*parsed && (*parsed)->header) {
    const auto& header = *(*parsed)->header;
    CULVERT_ASSERT(header.identity.size() < whole);
    const auto written = net::encode_proxy_header(header);
    const auto again = net::parse_proxy_header(written);
    CULVERT_ASSERT(again && *again && (*again)->bytes == written.size());
    CULVERT_ASSERT((*again)->header == header);
  }
  return 0;
}
