// SPDX-License-Identifier: Apache-2.0
#include "tests/support/peers/h2_frames.h"

#include <nghttp2/nghttp2.h>

#include "ztunnel/lib/base/assert.h"

namespace culvert::h2 {
namespace {

constexpr std::size_t kHeaderBytes = 9;

std::uint32_t number_at(std::string_view bytes, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    value = (value << 8) | static_cast<std::uint8_t>(bytes[at + i]);
  }
  return value;
}

}  // namespace

std::uint32_t Frame::code() const {
  const std::size_t at = type == kGoaway ? 4 : 0;
  return payload.size() >= at + 4 ? number_at(payload, at, 4) : ~0U;
}

FrameReader::FrameReader() {
  CULVERT_ASSERT(nghttp2_hd_inflate_new(&inflater_) == 0);
}

FrameReader::~FrameReader() {
  nghttp2_hd_inflate_del(inflater_);
}

void FrameReader::add(Bytes bytes, bool skips_magic) {
  bytes_ += as_text(bytes);
  if (skips_magic && bytes_.starts_with(kMagic)) {
    bytes_.erase(0, kMagic.size());
  }
}

std::optional<Frame> FrameReader::next() {
  if (bytes_.size() < kHeaderBytes) {
    return std::nullopt;
  }
  const std::size_t size = number_at(bytes_, 0, 3);
  if (bytes_.size() < kHeaderBytes + size) {
    return std::nullopt;
  }
  Frame frame{.type = static_cast<std::uint8_t>(bytes_[3]),
              .flags = static_cast<std::uint8_t>(bytes_[4]),
              .stream = number_at(bytes_, 5, 4) & 0x7fffffff,
              .payload = bytes_.substr(kHeaderBytes, size)};
  bytes_.erase(0, kHeaderBytes + size);
  return frame;
}

http::HeaderList FrameReader::headers_of(const Frame& frame) {
  http::HeaderList list;
  Bytes left = as_bytes(frame.payload);
  for (;;) {
    nghttp2_nv header{};
    int flags = 0;
    const ssize_t taken =
        nghttp2_hd_inflate_hd2(inflater_, &header, &flags, left.data(), left.size(), 1);
    if (taken < 0) {
      return list;  // the peer's test will miss what it wants
    }
    left = left.subspan(static_cast<std::size_t>(taken));
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      list.push_back({std::string(as_text({header.name, header.namelen})),
                      std::string(as_text({header.value, header.valuelen}))});
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) {
      nghttp2_hd_inflate_end_headers(inflater_);
      return list;
    }
  }
}

}  // namespace culvert::h2
