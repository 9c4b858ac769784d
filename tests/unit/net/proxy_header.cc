// The PROXY protocol's header, byte for byte.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/net/proxy_header.h"

#include <doctest/doctest.h>

namespace culvert::net {
namespace {

const std::string kStart("\r\n\r\n\0\r\nQUIT\n", 12);

SocketAddress at(const char* text) {
  return *SocketAddress::parse(text);
}

std::string encoded(const ProxyHeader& header) {
  const auto bytes = encode_proxy_header(header);
  return {bytes.begin(), bytes.end()};
}

// A header with these two bytes of version and family, and this body.
std::string raw(std::uint8_t command, std::uint8_t family, const std::string& body) {
  return kStart + static_cast<char>(command) + static_cast<char>(family) +
         static_cast<char>(body.size() >> 8) + static_cast<char>(body.size()) + body;
}

TEST_CASE("a header over IPv4 has the bytes of the specification") {
  const std::string expected =
      kStart + std::string("\x21\x11\x00\x11", 4) + std::string("\x0a\x00\x00\x01", 4) +
      std::string("\x0a\x60\x00\x07", 4) + std::string("\x9c\x40\x00\x50", 4) +
      std::string("\xd0\x00\x02", 3) + "id";
  CHECK(encoded({at("10.0.0.1:40000"), at("10.96.0.7:80"), "id"}) == expected);
}

TEST_CASE("what is written is read back, in both families and in mixed ones, with what follows") {
  const std::string identity = "spiffe://cluster.local/ns/shop/sa/client";
  const ProxyHeader headers[] = {
      {at("10.0.0.1:40000"), at("10.96.0.7:80"), identity},
      {at("[fd00::1]:40000"), at("[fd00::7]:80"), identity},
      {at("[fd00::1]:40000"), at("10.96.0.7:80"), identity},
      {at("10.0.0.1:40000"), at("[fd00::7]:80"), ""},
  };
  for (const ProxyHeader& header : headers) {
    CAPTURE(to_string(header.source));
    const std::string text = encoded(header);
    const auto parsed = parse_proxy_header(as_bytes(text + "and what follows"));
    REQUIRE(parsed.has_value());
    REQUIRE(parsed->has_value());
    CHECK((*parsed)->bytes == text.size());
    CHECK((*parsed)->header == header);
    for (std::size_t size = 0; size < text.size(); ++size) {
      const auto part = parse_proxy_header(as_bytes(std::string_view(text).substr(0, size)));
      REQUIRE(part.has_value());
      CHECK_FALSE(part->has_value());
    }
  }
}

TEST_CASE("LOCAL and untold addresses are headers without an answer, whatever else they hold") {
  for (const auto& text : {raw(0x20, 0x11, "anything"), raw(0x21, 0x00, ""), raw(0x20, 0, "")}) {
    const auto parsed = parse_proxy_header(as_bytes(text));
    REQUIRE(parsed.has_value());
    REQUIRE(parsed->has_value());
    CHECK((*parsed)->bytes == text.size());
    CHECK_FALSE((*parsed)->header.has_value());
  }
}

TEST_CASE("anything else is refused in a sentence") {
  const std::string addresses(12, '\1');
  const struct {
    const char* what;
    std::string bytes;
    Errc code;
  } rows[] = {
      {"version 1", "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n", Errc::protocol},
      {"TLS", "\x16\x03\x01", Errc::protocol},
      {"version 3", raw(0x31, 0x11, addresses), Errc::protocol},
      {"command 2", raw(0x22, 0x11, addresses), Errc::protocol},
      {"UDP", raw(0x21, 0x12, addresses), Errc::protocol},
      {"a unix socket", raw(0x21, 0x31, std::string(216, 'x')), Errc::protocol},
      {"short addresses", raw(0x21, 0x11, std::string(11, '\1')), Errc::protocol},
      {"short IPv6 addresses", raw(0x21, 0x21, addresses), Errc::protocol},
      {"half an extension", raw(0x21, 0x11, addresses + "\xd0"), Errc::protocol},
      {"an extension beyond the end", raw(0x21, 0x11, addresses + std::string("\xd0\0\2x", 4)),
       Errc::protocol},
      {"an empty identity", raw(0x21, 0x11, addresses + std::string("\xd0\0\0", 3)),
       Errc::protocol},
      {"two identities", raw(0x21, 0x11, addresses + std::string("\xd0\0\1a\xd0\0\1b", 8)),
       Errc::protocol},
      {"a length over the limit", raw(0x21, 0x11, std::string(kProxyHeaderBytesMax, 'x')),
       Errc::limit},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    const auto parsed = parse_proxy_header(as_bytes(row.bytes));
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code == row.code);
    CHECK(parsed.error().context.starts_with("PROXY header: "));
  }
}

TEST_CASE("an extension that nobody knows is skipped") {
  const std::string text =
      raw(0x21, 0x11,
          std::string(12, '\1') + std::string("\x04\0\3abc", 6) + std::string("\xd0\0\1i", 4));
  const auto parsed = parse_proxy_header(as_bytes(text));
  REQUIRE(parsed.has_value());
  CHECK((*parsed)->header->identity == "i");
}

}  // namespace
}  // namespace culvert::net
