// The access log: one line for each end of a connection, under Istio's field names and in its order
// (ztunnel proxy/metrics.rs; target `access`). Operators' tools parse it: changes need a change
// note.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "ztunnel/lib/base/address.h"

namespace culvert::obs {

enum class Direction : std::uint8_t { inbound, outbound };

// AccessLogPeer is one end as far as it is known; what is empty is left out of the line.
struct AccessLogPeer {
  std::optional<SocketAddress> addr;
  std::string workload;
  std::string ns;
  std::string identity;  // a SPIFFE URI, only where mutual TLS proved or verified it
  std::string cluster;
};

struct AccessLogEntry {
  Direction direction = Direction::outbound;
  AccessLogPeer src;
  AccessLogPeer dst;
  std::optional<SocketAddress> hbone_addr;  // the CONNECT target, where the connection is HBONE
  std::string service;                      // hostname of the destination service
  std::uint64_t bytes_sent = 0;             // to the client
  std::uint64_t bytes_recv = 0;             // from the client
  std::chrono::milliseconds duration{0};
  std::string error;  // one sentence; empty is success
};

// log_connection_opened writes `connection opened` at debug, without counts and duration.
void log_connection_opened(const AccessLogEntry& entry);

// log_connection_complete writes `connection complete`, at info, or at error when `error` is set.
void log_connection_complete(const AccessLogEntry& entry);

// log_connection_failed writes `connection failed` at warn, for a denial before there was a
// connection to speak of: both addresses, direction and error only.
void log_connection_failed(const AccessLogEntry& entry);

}  // namespace culvert::obs
