// The topology of the interop scenarios: our two nodes, and a pod beside the mesh on each, in which
// an Envoy speaks HBONE:
//
//   gateway (east)  Envoy as client → server (west), an enrolled pod
//   client  (east), an enrolled pod → remote (west)  Envoy as server
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/interop/certificates.h"
#include "tests/interop/envoy.h"
#include "tests/netns/two_nodes.h"

namespace culvert::lab {

struct WithEnvoy : TwoNodes {
  Pod& gateway;
  Pod& remote;

  explicit WithEnvoy(std::string_view name)
      : TwoNodes(name),
        gateway(mesh.pod("gateway", "east").outside_the_mesh()),
        remote(mesh.pod("remote", "west").speaking_hbone_itself()) {}

  std::string root() const { return mesh.grounds().folder("ca") + "/root.pem"; }
  // A folder of its own, since Envoy watches all of it and wakes up for each line of a log in it.
  std::string secret(const Pod& pod) const {
    return mesh.grounds().folder("secrets-" + pod.name()) + "/own.yaml";
  }

  // certify gives a pod's Envoy a certificate of the mesh's own root.
  void certify(const Pod& pod, std::chrono::seconds lifetime = std::chrono::hours(1)) const {
    write_secret(secret(pod), authority_of(mesh), {pod.identity()}, lifetime);
  }

  // Envoy in `gateway` with a good certificate, which expects the identity of `server`.
  EnvoySetup client_setup() const {
    return {.secret = secret(gateway),
            .root = root(),
            .peer = server.identity(),
            .target = server.ip4()};
  }
  // Envoy in `remote` with a good certificate, which takes clients of the mesh's trust domain.
  EnvoySetup server_setup() const {
    return {.secret = secret(remote),
            .root = root(),
            .peer = "spiffe://cluster.local/",
            .target = remote.ip4()};
  }
};

// Programs that talk to a port of a server, run in `pod`.
inline Outcome exchange(const Pod& pod, const std::string& address, int port, int streams,
                        int bytes) {
  return pod.run({"python3", "-B", source_folder() + "/tests/interop/streams.py", "exchange",
                  address, std::to_string(port), std::to_string(streams), std::to_string(bytes)},
                 60s);
}

inline Process& start_churn(Pod& pod, const std::string& address, int port, int seconds,
                            int parallel) {
  return pod.start(
      {"python3", "-B", source_folder() + "/tests/interop/streams.py", "churn", address,
       std::to_string(port), std::to_string(seconds), std::to_string(parallel)},
      "churn");
}

inline Process& start_ends(Pod& pod) {
  return pod.start({"python3", "-B", source_folder() + "/tests/support/programs/ends.py", "serve",
                    std::to_string(kEndsPort)},
                   "ends");
}

inline Outcome ask_ends(const Pod& pod, const char* how, const std::string& address, int port) {
  return pod.run({"python3", "-B", source_folder() + "/tests/support/programs/ends.py", how,
                  address, std::to_string(port)},
                 15s);
}

// What streams.py printed: no failure, and at least so many exchanges that were right.
inline void check_streams(const Outcome& outcome, int right) {
  INFO("streams.py: ", outcome.exit_code, " ", outcome.out, outcome.err);
  CHECK(number_of(outcome, "failed") == 0);
  CHECK(number_of(outcome, "right") >= right);
}

inline void check_churn(Process& churn, Milliseconds limit, int right) {
  const auto code = churn.wait(limit);
  check_streams({.exit_code = code.value_or(-1), .out = churn.log()}, right);
}

}  // namespace culvert::lab
