// The ground that the other tests of this tier stand on: a cluster without the mesh.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/kind/installed.h"
#include "tests/kind/town.h"
#include "tests/kind/wire.h"

namespace culvert::lab {

TEST_CASE("without the mesh pods are answered across nodes, and the wire shows what they say") {
  const Cluster& cluster = bare_cluster();
  const Town town(cluster, "ground");
  town.server("server", {.node = cluster.worker(1)});
  town.client("client", {.node = cluster.worker(0)});
  town.wait_until_ready();
  Wire wire(cluster);
  for (const std::string& host : {town.ip("server") + ":8080", std::string("server")}) {
    INFO(host);
    CHECK(answered(town, "client", host, "canary-" + host));
    CHECK(town.ask("client", host).out == "server " + town.ip("client") + "\n");
  }
  CHECK(wire.shows("canary-server"));
  CHECK(wire.shows("canary-" + town.ip("server")));
  CHECK(wire.ports(town.ip("client"), town.ip("server")) == std::set<int>{8080});
}

}  // namespace culvert::lab
