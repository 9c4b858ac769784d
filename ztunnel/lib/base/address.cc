// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/base/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace culvert {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

Result<std::uint32_t> parse_number(std::string_view text, std::uint32_t max) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > max) {
    return fail(Errc::config, fmt::format("\"{}\" is not a number from 0 to {}", text, max));
  }
  return value;
}

}  // namespace

Result<IpAddress> IpAddress::parse(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  std::array<std::uint8_t, 16> octets{};
  if (text.size() < buffer.size()) {
    std::copy(text.begin(), text.end(), buffer.begin());
    if (::inet_pton(AF_INET, buffer.data(), octets.data()) == 1) {
      return from_bytes(Bytes(octets).first(4));
    }
    if (::inet_pton(AF_INET6, buffer.data(), octets.data()) == 1) {
      return from_bytes(octets);
    }
  }
  return fail(Errc::config, fmt::format("\"{}\" is not an IP address", text));
}

Result<IpAddress> IpAddress::from_bytes(Bytes bytes) {
  IpAddress result;
  if (bytes.size() == 4) {
    std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), result.octets_.begin());
    std::copy(bytes.begin(), bytes.end(), result.octets_.begin() + 12);
    return result;
  }
  if (bytes.size() == 16) {
    std::copy(bytes.begin(), bytes.end(), result.octets_.begin());
    return result;
  }
  return fail(Errc::protocol, fmt::format("an IP address has 4 or 16 bytes, not {}", bytes.size()));
}

IpAddress IpAddress::loopback_v4() {
  constexpr std::array<std::uint8_t, 4> kOctets = {127, 0, 0, 1};
  return *from_bytes(kOctets);
}

IpAddress IpAddress::loopback_v6() {
  IpAddress result;
  result.octets_[15] = 1;
  return result;
}

IpAddress IpAddress::any_v4() {
  constexpr std::array<std::uint8_t, 4> kOctets = {};
  return *from_bytes(kOctets);
}

bool IpAddress::is_v4() const {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), octets_.begin());
}

bool IpAddress::is_loopback() const {
  return is_v4() ? octets_[12] == 127 : *this == loopback_v6();
}

bool IpAddress::is_unspecified() const {
  return *this == IpAddress() || *this == any_v4();
}

Bytes IpAddress::octets() const {
  return is_v4() ? Bytes(octets_).subspan(12) : Bytes(octets_);
}

std::string to_string(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  ::inet_ntop(address.is_v4() ? AF_INET : AF_INET6, address.octets().data(), buffer.data(),
              buffer.size());
  return buffer.data();
}

Result<SocketAddress> SocketAddress::parse(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return fail(Errc::config, fmt::format("\"{}\" is not an address with a port", text));
  }
  auto host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  }
  TRY(const auto ip, IpAddress::parse(host));
  if (bracketed != host.contains(':')) {  // a dot tells nothing: ::1.2.3.4 is IPv6
    return fail(Errc::config, fmt::format("\"{}\": write an IPv6 address as [address]:port", text));
  }
  TRY(const auto port, parse_number(text.substr(colon + 1), 65535));
  return SocketAddress{ip, static_cast<std::uint16_t>(port)};
}

Result<SocketAddress> SocketAddress::from_sockaddr(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &storage, sizeof(in));
    std::array<std::uint8_t, 4> octets{};
    std::memcpy(octets.data(), &in.sin_addr, octets.size());
    TRY(const auto ip, IpAddress::from_bytes(octets));
    return SocketAddress{ip, ntohs(in.sin_port)};
  }
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 in6{};
    std::memcpy(&in6, &storage, sizeof(in6));
    TRY(const auto ip, IpAddress::from_bytes(Bytes(in6.sin6_addr.s6_addr, 16)));
    return SocketAddress{ip, ntohs(in6.sin6_port)};
  }
  return fail(Errc::io, fmt::format("address family {} is not IP", storage.ss_family));
}

socklen_t SocketAddress::to_sockaddr(sockaddr_storage& storage) const {
  storage = {};
  if (ip.is_v4()) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, ip.octets().data(), 4);
    std::memcpy(&storage, &in, sizeof(in));
    return sizeof(in);
  }
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  std::memcpy(&in6.sin6_addr, ip.octets().data(), 16);
  std::memcpy(&storage, &in6, sizeof(in6));
  return sizeof(in6);
}

std::string to_string(const SocketAddress& address) {
  return address.ip.is_v4() ? fmt::format("{}:{}", to_string(address.ip), address.port)
                            : fmt::format("[{}]:{}", to_string(address.ip), address.port);
}

Result<Cidr> Cidr::parse(std::string_view text) {
  const auto slash = text.find('/');
  TRY(const auto ip, IpAddress::parse(text.substr(0, slash)));
  if (slash == std::string_view::npos) {
    return make(ip, ip.is_v4() ? 32 : 128);
  }
  TRY(const auto bits, parse_number(text.substr(slash + 1), ip.is_v4() ? 32 : 128));
  return make(ip, bits);
}

Result<Cidr> Cidr::make(IpAddress ip, std::uint32_t prefix_bits) {
  const std::uint32_t max = ip.is_v4() ? 32 : 128;
  if (prefix_bits > max) {
    return fail(Errc::protocol,
                fmt::format("prefix length {} of {} is over {}", prefix_bits, to_string(ip), max));
  }
  return Cidr{ip, static_cast<std::uint8_t>(prefix_bits)};
}

bool Cidr::contains(const IpAddress& address) const {
  if (address.is_v4() != ip.is_v4()) {
    return false;
  }
  const auto mine = ip.octets();
  const auto theirs = address.octets();
  const std::size_t whole = prefix_bits / 8;
  if (!std::equal(mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(whole),
                  theirs.begin())) {
    return false;
  }
  const int rest = prefix_bits % 8;
  return rest == 0 || ((mine[whole] ^ theirs[whole]) >> (8 - rest)) == 0;
}

std::string to_string(const Cidr& cidr) {
  return fmt::format("{}/{}", to_string(cidr.ip), cidr.prefix_bits);
}

}  // namespace culvert
