// The PROXY protocol, version 2, for TCP: a header before the first byte of a connection that says
// whose connection it is. Source of truth: haproxy doc/proxy-protocol.txt §2.2; the identity's TLV
// is Istio's (wire-facts §2.3).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/base/bytes.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::net {

// Addresses, and a SPIFFE ID, which has 2,048 bytes at most. The form itself would allow 64 KiB.
inline constexpr std::size_t kProxyHeaderBytesMax = 4096;

struct ProxyHeader {
  SocketAddress source;
  SocketAddress destination;
  std::string identity;  // TLV 0xD0: what the source proved, as a URI; empty: nothing
  bool operator==(const ProxyHeader&) const = default;
};

// encode_proxy_header needs an identity that fits into kProxyHeaderBytesMax. Where one address is
// IPv4 and the other IPv6, the former goes as v4-mapped: the form has one family for both.
std::vector<std::uint8_t> encode_proxy_header(const ProxyHeader& header);

struct ParsedProxyHeader {
  std::size_t bytes = 0;              // how much of the connection was the header
  std::optional<ProxyHeader> header;  // none: LOCAL, or addresses that are not told
};

// parse_proxy_header reads a header at the start of `bytes`; nullopt as long as it may be one but
// is not whole. Fails with `protocol` for anything else, and with `limit` for one that says it is
// longer than kProxyHeaderBytesMax.
Result<std::optional<ParsedProxyHeader>> parse_proxy_header(Bytes bytes);

}  // namespace culvert::net
