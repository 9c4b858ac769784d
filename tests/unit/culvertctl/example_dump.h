// A small node as its daemons would describe it, for tests that look at what is shown.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace culvert::ctl {

inline constexpr const char* kExampleDump = R"({
  "workloads": [
    {"uid": "Kubernetes//Pod/shop/client", "workloadIps": ["10.244.1.2", "fd00:1::2"],
     "protocol": "HBONE", "name": "client", "namespace": "shop", "serviceAccount": "client",
     "node": "node1", "status": "Healthy"},
    {"uid": "Kubernetes//Pod/shop/server-7d9", "workloadIps": ["10.244.2.2"], "protocol": "TCP",
     "name": "server-7d9", "namespace": "shop", "serviceAccount": "server", "node": "node2",
     "status": "Unhealthy",
     "waypoint": {"destination": "shop/waypoint.shop.svc.cluster.local", "hboneMtlsPort": 15008}}
  ],
  "services": [
    {"name": "server", "namespace": "shop", "hostname": "server.shop.svc.cluster.local",
     "vips": ["/10.96.0.10", "/fd00:96::10"], "ports": {"80": 8080, "443": 443},
     "endpoints": {"a": {"workloadUid": "a", "status": "Healthy"},
                   "b": {"workloadUid": "b", "status": "Unhealthy"}}}
  ],
  "policies": [
    {"name": "deny-all", "namespace": "shop", "scope": "Namespace", "action": "Deny",
     "rules": [[[{}]], [[{}]]], "dryRun": false}
  ],
  "certificates": [
    {"identity": "spiffe://cluster.local/ns/shop/sa/client", "state": "Available",
     "certChain": [{"pem": "", "serialNumber": "271828", "validFrom": "2023-11-14T22:13:20Z",
                    "expirationTime": "2023-11-15T22:13:20Z"}], "rootCerts": []},
    {"identity": "spiffe://cluster.local/ns/shop/sa/server",
     "state": "Unavailable: CA unreachable", "certChain": [], "rootCerts": []}
  ],
  "workloadState": {
    "u1": {"state": "Up", "info": {"name": "client", "namespace": "shop", "serviceAccount": "client"},
           "connections": {"inbound": [], "outbound": [
             {"src": "10.244.1.2:40112", "originalDst": "10.96.0.10:80",
              "actualDst": "10.244.2.2:8080", "protocol": "HBONE"}]}}
  }
})";

inline constexpr const char* kExampleVerdicts = R"([
  {"program": "capture", "verdict": "captured", "effect": "steer", "count": 12345},
  {"program": "capture", "verdict": "not_tcp", "effect": "pass", "count": 0},
  {"program": "steer", "verdict": "no_hbone_listener", "effect": "drop", "count": 2}
])";

inline constexpr const char* kExampleZtunnelStatus = R"json({
  "version": "0.1.0", "node": "node1", "ioBackend": "epoll",
  "ioReason": "io_uring is disabled (kernel.io_uring_disabled=2)", "workers": 2,
  "uptimeSeconds": 3725, "xds": "connected", "ca": "connected",
  "zds": "can't reach /var/run/ztunnel/ztunnel.sock", "ready": false,
  "pending": ["workload proxy manager"], "draining": false, "pods": 0, "connections": 0,
  "logLinesDropped": 7
})json";

}  // namespace culvert::ctl
