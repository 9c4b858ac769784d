// Plain values that the admin endpoints show. They know neither proxy nor agent: whoever has the
// live objects fills them in.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/policy/snapshot.h"

namespace culvert::admin {

struct CertificateItem {
  std::string pem;
  std::string serial_number;  // decimal
  std::chrono::system_clock::time_point valid_from;
  std::chrono::system_clock::time_point expiration_time;
};

struct CertificateView {
  std::string identity;                     // a SPIFFE URI
  std::string state;                        // "Available", "Initializing" or "Unavailable: <why>"
  std::vector<CertificateItem> cert_chain;  // leaf first
  std::vector<CertificateItem> root_certs;
};

enum class ConnectionProtocol : std::uint8_t { tcp, hbone };

struct ConnectionView {
  SocketAddress src;
  SocketAddress original_dst;  // what the application or the peer asked for
  SocketAddress actual_dst;    // where the bytes go
  ConnectionProtocol protocol = ConnectionProtocol::tcp;
};

enum class PodState : std::uint8_t { pending, up };

// PodView is one pod that this daemon serves.
struct PodView {
  std::string uid;
  PodState state = PodState::pending;
  std::string name;
  std::string ns;
  std::string service_account;
  std::vector<ConnectionView> inbound;
  std::vector<ConnectionView> outbound;
};

using TextPairs = std::vector<std::pair<std::string, std::string>>;

struct ConfigDump {
  policy::SnapshotPtr mesh;  // null: an empty mesh
  std::vector<CertificateView> certificates;
  std::vector<PodView> pods;
  std::string version;
  TextPairs config;  // the options in force, by name
};

// to_json writes the dump with the keys of Istio's ztunnel (wire facts §6.2), sorted by name so
// that two dumps can be compared.
std::string to_json(const ConfigDump& dump);

struct Status {
  std::string version;
  std::string node;
  std::string io_backend;  // "uring" or "epoll"
  std::string io_reason;   // why it is epoll; empty where it is the wished one
  unsigned workers = 0;
  std::chrono::seconds uptime{0};
  std::string xds;  // "connected", "connecting" or why not; ca and zds the same
  std::string ca;
  std::string zds;
  std::vector<std::string> pending;  // what readiness waits for; empty is ready
  bool draining = false;
  std::uint64_t pods = 0;
  std::uint64_t connections = 0;
  std::uint64_t log_lines_dropped = 0;
};

std::string to_json(const Status& status);

}  // namespace culvert::admin
