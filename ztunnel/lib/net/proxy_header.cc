// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/net/proxy_header.h"

#include <fmt/format.h>

#include <algorithm>

#include "ztunnel/lib/base/assert.h"

namespace culvert::net {
namespace {

//   0                    12     13     14        16
//   | signature          | 0x21 | 0x11 | length  | source, destination, source port, port | TLVs |
//                          |      |      of what follows, big endian
//                          |      family and protocol: 0x11 TCP over IPv4, 0x21 over IPv6, 0x00
//                          none version 2, command: 1 PROXY, 0 LOCAL
constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kFixedBytes = 16;
constexpr std::uint8_t kProxy = 0x21;
constexpr std::uint8_t kLocal = 0x20;
constexpr std::uint8_t kUnspecified = 0x00;
constexpr std::uint8_t kTcp4 = 0x11;
constexpr std::uint8_t kTcp6 = 0x21;
constexpr std::uint8_t kIdentity = 0xd0;  // the first of those that are free for use
constexpr std::size_t kTlvHeadBytes = 3;  // type, length

void append(std::vector<std::uint8_t>& to, Bytes bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

void append_be16(std::vector<std::uint8_t>& to, std::size_t value) {
  CULVERT_ASSERT(value <= 0xffff);
  to.push_back(static_cast<std::uint8_t>(value >> 8));
  to.push_back(static_cast<std::uint8_t>(value));
}

std::uint16_t be16(Bytes at) {
  return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}

std::unexpected<Error> broken(std::string_view what) {
  return fail(Errc::protocol, fmt::format("PROXY header: {}", what), Side::downstream);
}

Result<ProxyHeader> read_addresses(Bytes& rest, std::size_t ip_bytes) {
  const std::size_t size = 2 * (ip_bytes + sizeof(std::uint16_t));
  if (rest.size() < size) {
    return broken("it is too short for its addresses");
  }
  ProxyHeader header;
  TRY(header.source.ip, IpAddress::from_bytes(rest.first(ip_bytes)));
  TRY(header.destination.ip, IpAddress::from_bytes(rest.subspan(ip_bytes, ip_bytes)));
  header.source.port = be16(rest.subspan(2 * ip_bytes));
  header.destination.port = be16(rest.subspan(2 * ip_bytes + 2));
  rest = rest.subspan(size);
  return header;
}

// Extensions that nobody here knows are skipped, as the specification asks.
Result<> read_extensions(Bytes rest, std::string& identity) {
  while (!rest.empty()) {
    if (rest.size() < kTlvHeadBytes || rest.size() - kTlvHeadBytes < be16(rest.subspan(1))) {
      return broken("an extension is longer than the header");
    }
    const std::uint8_t type = rest[0];
    const Bytes value = rest.subspan(kTlvHeadBytes, be16(rest.subspan(1)));
    rest = rest.subspan(kTlvHeadBytes + value.size());
    if (type == kIdentity) {
      if (!identity.empty() || value.empty()) {
        return broken("it names two identities, or an empty one");
      }
      identity = as_text(value);
    }
  }
  return {};
}

}  // namespace

std::vector<std::uint8_t> encode_proxy_header(const ProxyHeader& header) {
  const bool v4 = header.source.ip.is_v4() && header.destination.ip.is_v4();
  std::vector<std::uint8_t> body;
  for (const IpAddress* ip : {&header.source.ip, &header.destination.ip}) {
    append(body, v4 ? ip->octets() : Bytes(ip->mapped()));
  }
  append_be16(body, header.source.port);
  append_be16(body, header.destination.port);
  if (!header.identity.empty()) {
    body.push_back(kIdentity);
    append_be16(body, header.identity.size());
    append(body, as_bytes(header.identity));
  }
  std::vector<std::uint8_t> whole;
  append(whole, as_bytes(kSignature));
  whole.push_back(kProxy);
  whole.push_back(v4 ? kTcp4 : kTcp6);
  append_be16(whole, body.size());
  append(whole, body);
  CULVERT_ASSERT(whole.size() <= kProxyHeaderBytesMax);
  return whole;
}

Result<std::optional<ParsedProxyHeader>> parse_proxy_header(Bytes bytes) {
  using Answer = std::optional<ParsedProxyHeader>;
  const auto start = as_text(bytes.first(std::min(bytes.size(), kSignature.size())));
  if (!kSignature.starts_with(start)) {
    return broken("the connection does not begin with one of version 2");
  }
  if (bytes.size() < kFixedBytes) {
    return Answer();
  }
  const std::uint8_t command = bytes[12];
  const std::uint8_t family = bytes[13];
  const std::size_t size = kFixedBytes + be16(bytes.subspan(14));
  if (command != kProxy && command != kLocal) {
    return broken(fmt::format("version and command {:#04x} are unknown", command));
  }
  if (size > kProxyHeaderBytesMax) {
    return fail(Errc::limit,
                fmt::format("PROXY header: it has {} bytes, over {}", size, kProxyHeaderBytesMax),
                Side::downstream);
  }
  if (bytes.size() < size) {
    return Answer();
  }
  ParsedProxyHeader parsed{.bytes = size, .header = {}};
  if (command == kLocal || family == kUnspecified) {
    return Answer(parsed);  // what it holds is to be ignored
  }
  if (family != kTcp4 && family != kTcp6) {
    return broken(fmt::format("family and protocol {:#04x} are not TCP", family));
  }
  Bytes rest = bytes.subspan(kFixedBytes, size - kFixedBytes);
  TRY(parsed.header, read_addresses(rest, family == kTcp4 ? 4 : 16));
  TRY_VOID(read_extensions(rest, parsed.header->identity));
  return Answer(std::move(parsed));
}

}  // namespace culvert::net
