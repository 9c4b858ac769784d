// The ground that the other tests of this tier stand on: a cluster without the mesh.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <filesystem>

#include "tests/kind/installed.h"
#include "tests/kind/town.h"

namespace culvert::lab {

TEST_CASE("without the mesh pods are answered across nodes, and the wire shows what they say") {
  const Cluster& cluster = bare_cluster();
  const Town town(cluster, "ground");
  town.server("server", {.node = cluster.worker(1)});
  town.client("client", {.node = cluster.worker(0)});
  town.wait_until_ready();
  const std::string file = std::filesystem::temp_directory_path() / "culvert-kind-ground.pcap";
  Capture wire = cluster.capture(file);
  for (const std::string& host : {town.ip("server") + ":8080", std::string("server")}) {
    INFO(host);
    // A Service answers a moment after its pods are ready.
    Outcome answer;
    eventually(10s, [&] { return (answer = town.ask("client", host, "canary-" + host)).ok(); });
    INFO(answer.err);
    CHECK(answer.out == "server " + town.ip("client") + "\n");
  }
  wire.stop();
  CHECK(wire.holds("canary-server"));
  CHECK(wire.holds("canary-" + town.ip("server")));
  std::filesystem::remove(file);
}

}  // namespace culvert::lab
