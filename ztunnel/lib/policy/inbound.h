// What an inbound CONNECT may ask for (wire-facts §2.3, §1.7).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "ztunnel/lib/base/result.h"
#include "ztunnel/lib/policy/snapshot.h"

namespace culvert::policy {

// The longest :authority that is read: a DNS name (253 bytes) and a port.
inline constexpr std::size_t kAuthorityBytesMax = 260;

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
  auto operator<=>(const HostPort&) const = default;
};

using Authority = std::variant<SocketAddress, HostPort>;

// parse_authority reads "ip:port", "[v6]:port" or "hostname:port". Fails with `protocol` (400).
Result<Authority> parse_authority(std::string_view text);

struct InboundTarget {
  // What policy is asked about, and where the application is: always the address at which the
  // tunnel was accepted.
  SocketAddress address;
  ServicePtr service;  // set if the authority was a hostname
  // Set if the workload's application tunnel is PROXY: the application is to be told that this was
  // the destination, and is reached through the pod's loopback.
  std::optional<SocketAddress> proxied;
};

// inbound_target validates `authority` for a stream that was accepted at `local` for the pod `own`.
// Fails with `protocol` (answer 400) if it names an address that is not ours, and with
// `unavailable` (answer 503) if the hostname or its port is unknown, or the port is our own, or the
// application is to be told of a service without an address.
Result<InboundTarget> inbound_target(const Snapshot& snapshot, const Workload& own,
                                     const IpAddress& local, const Authority& authority);

// destination_service names the service of an inbound connection for telemetry: the one of
// `forwarded_host` if `own` serves it, else the first of its services that maps to `port`. May be
// null.
ServicePtr destination_service(const Snapshot& snapshot, const Workload& own, std::uint16_t port,
                               std::string_view forwarded_host);

}  // namespace culvert::policy
