// What Envoy is told, in its own words, for the two ends of a tunnel.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace culvert::lab {

inline constexpr int kEnvoyAdminPort = 9901;
// The client's listener for port P of the target is on loopback, at P + this.
inline constexpr int kTunnelPortOffset = 10000;

// EnvoySetup is what scenarios vary; both ends take what concerns them.
struct EnvoySetup {
  std::string secret;  // SDS file with its own certificate
  std::string root;    // PEM file of the root that peers are checked against
  std::string peer;    // of the peer's SPIFFE ID: the whole as client, its beginning as server
  std::string target;  // the address in the CONNECT's authority
  std::string idle_timeout = "3600s";  // of a tunnel without streams; Istio's hour
  std::string drain_timeout = "5s";    // server: between its two GOAWAYs; Envoy's own default
  int streams_max = 1024;              // server: SETTINGS_MAX_CONCURRENT_STREAMS
  int requests_per_tunnel = 0;         // the tunnel goes away after so many streams; 0 is never
  std::string tunnel_life = "";        // server: GOAWAY after this time; empty is never
};

// The ports of a target that are carried.
inline constexpr int kEndsPort = 8082;

// client_config listens on loopback and tunnels to target:15008, as Istio's gateways do.
std::string client_config(const EnvoySetup& setup);
// server_config ends tunnels on port 15008 and connects to the loopback ports of its pod, as
// Istio's sandwiched proxies do.
std::string server_config(const EnvoySetup& setup);

}  // namespace culvert::lab
