// HTTP/2 frames by hand, for peers that break the rules: written as bytes, read back one by one.
// RFC 9113 §4.1, §6; header blocks are literals without indexing and without Huffman coding.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "ztunnel/lib/base/bytes.h"
#include "ztunnel/lib/http/headers.h"

struct nghttp2_hd_inflater;

namespace culvert::h2 {

enum Type : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoaway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};

inline constexpr std::uint8_t kAck = 1;
inline constexpr std::uint8_t kEndStream = 1;
inline constexpr std::uint8_t kEndHeaders = 4;

enum Code : std::uint32_t {
  kNoError = 0x0,
  kProtocolError = 0x1,
  kInternalError = 0x2,
  kFlowControlError = 0x3,
  kStreamClosed = 0x5,
  kFrameSizeError = 0x6,
  kRefusedStream = 0x7,
  kCancel = 0x8,
  kCompressionError = 0x9,
  kConnectError = 0xa,
  kEnhanceYourCalm = 0xb,
};

inline constexpr std::string_view kMagic = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

inline std::string number(std::uint32_t value, int bytes = 4) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out += static_cast<char>((value >> shift) & 0xff);
  }
  return out;
}

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                         std::string_view payload) {
  return number(static_cast<std::uint32_t>(payload.size()), 3) + number(type, 1) +
         number(flags, 1) + number(stream) + std::string(payload);
}

inline std::string settings(std::string_view entries = "") {
  return frame(kSettings, 0, 0, entries);
}
inline std::string setting(std::uint32_t id, std::uint32_t value) {
  return number(id, 2) + number(value);
}
inline std::string settings_ack() {
  return frame(kSettings, kAck, 0, "");
}
inline std::string ping(std::string_view opaque = "12345678") {
  return frame(kPing, 0, 0, opaque);
}
inline std::string reset(std::uint32_t stream, std::uint32_t code) {
  return frame(kRstStream, 0, stream, number(code));
}
inline std::string goaway(std::uint32_t last_stream, std::uint32_t code = kNoError) {
  return frame(kGoaway, 0, 0, number(last_stream) + number(code));
}
inline std::string window_update(std::uint32_t stream, std::uint32_t increment) {
  return frame(kWindowUpdate, 0, stream, number(increment));
}
inline std::string data(std::uint32_t stream, std::string_view bytes, bool end = false) {
  return frame(kData, end ? kEndStream : 0, stream, bytes);
}

// An integer of HPACK with a prefix of 7 bits (RFC 7541 §5.1).
inline std::string hpack_size(std::size_t value) {
  if (value < 127) {
    return {static_cast<char>(value)};
  }
  std::string out = "\x7f";
  for (value -= 127; value >= 128; value /= 128) {
    out += static_cast<char>(value % 128 + 128);
  }
  return out + static_cast<char>(value);
}

// literal is one header; `kind` 0x40 puts it into the peer's table, where the newest has number 62.
inline std::string literal(std::string_view name, std::string_view value, std::uint8_t kind = 0) {
  return number(kind, 1) + hpack_size(name.size()) + std::string(name) + hpack_size(value.size()) +
         std::string(value);
}
inline std::string headers(std::uint32_t stream, const std::string& block, bool end = false) {
  return frame(kHeaders, static_cast<std::uint8_t>(kEndHeaders | (end ? kEndStream : 0)), stream,
               block);
}
inline std::string connect_block(std::string_view authority) {
  return literal(":method", "CONNECT") + literal(":authority", authority);
}

inline std::string repeated(const std::string& text, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) {
    all += text;
  }
  return all;
}

struct Frame {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  std::string payload;

  // The error code of RST_STREAM or GOAWAY.
  std::uint32_t code() const;
};

// FrameReader cuts what the other side sent into frames, and decodes its headers in their order.
class FrameReader {
 public:
  FrameReader();
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;
  ~FrameReader();

  // add takes bytes; a client's magic among them is passed over if `skips_magic`.
  void add(Bytes bytes, bool skips_magic = false);
  std::optional<Frame> next();
  // headers_of decodes a HEADERS frame with END_HEADERS; each once, in the order of their arrival.
  http::HeaderList headers_of(const Frame& frame);

 private:
  std::string bytes_;
  nghttp2_hd_inflater* inflater_ = nullptr;
};

}  // namespace culvert::h2
