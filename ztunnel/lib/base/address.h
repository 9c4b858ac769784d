// IP addresses, socket addresses and CIDR blocks as values: one 16-byte form for both families
// (IPv4 as v4-mapped IPv6, RFC 4291 §2.5.5.2), so that no code exists twice.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "ztunnel/lib/base/bytes.h"
#include "ztunnel/lib/base/result.h"

namespace culvert {

class IpAddress {
 public:
  // A default address is ::, which is_unspecified() tells.
  constexpr IpAddress() = default;

  // parse reads "10.0.0.1" or "fd00::1"; no zone, no brackets. Fails with `config`.
  static Result<IpAddress> parse(std::string_view text);

  // from_bytes takes 4 or 16 bytes in network order. Fails with `protocol` at any other length.
  static Result<IpAddress> from_bytes(Bytes bytes);

  static IpAddress loopback_v4();
  static IpAddress loopback_v6();
  static IpAddress any_v4();

  bool is_v4() const;        // v4-mapped
  bool is_loopback() const;  // 127/8 or ::1
  bool is_unspecified() const;

  // octets gives 4 bytes for IPv4 and 16 for IPv6, in network order, borrowed from this address.
  Bytes octets() const;
  const std::array<std::uint8_t, 16>& mapped() const { return octets_; }

  auto operator<=>(const IpAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> octets_{};
};

std::string to_string(const IpAddress& address);

struct SocketAddress {
  IpAddress ip;
  std::uint16_t port = 0;  // host order

  // parse reads "10.0.0.1:80" or "[fd00::1]:80". Fails with `config`.
  static Result<SocketAddress> parse(std::string_view text);

  // from_sockaddr unmaps v4-mapped addresses; families other than AF_INET and AF_INET6 give `io`.
  static Result<SocketAddress> from_sockaddr(const sockaddr_storage& storage);

  // to_sockaddr writes AF_INET for IPv4 and AF_INET6 otherwise and returns the length in bytes.
  socklen_t to_sockaddr(sockaddr_storage& storage) const;

  auto operator<=>(const SocketAddress&) const = default;
};

std::string to_string(const SocketAddress& address);

// Cidr is a block of addresses of one family. Host bits are allowed and ignored.
struct Cidr {
  IpAddress ip;
  std::uint8_t prefix_bits = 0;  // 0..32 for IPv4, 0..128 for IPv6

  // parse reads "10.0.0.0/8"; an address alone means its full length. Fails with `config`.
  static Result<Cidr> parse(std::string_view text);
  // make fails with `protocol` when `prefix_bits` is too long for the family.
  static Result<Cidr> make(IpAddress ip, std::uint32_t prefix_bits);

  bool contains(const IpAddress& address) const;
  auto operator<=>(const Cidr&) const = default;
};

std::string to_string(const Cidr& cidr);

}  // namespace culvert

template <>
struct std::hash<culvert::IpAddress> {
  std::size_t operator()(const culvert::IpAddress& address) const noexcept {
    const auto& o = address.mapped();
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(o.data()), o.size()});
  }
};
template <>
struct std::hash<culvert::SocketAddress> {
  std::size_t operator()(const culvert::SocketAddress& address) const noexcept {
    return std::hash<culvert::IpAddress>{}(address.ip) * 31 + address.port;
  }
};
