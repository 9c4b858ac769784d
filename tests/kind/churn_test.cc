// Pods that come and go beside others that talk.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/kind/held.h"
#include "tests/kind/installed.h"
#include "tests/kind/town.h"

namespace culvert::lab {

namespace {

constexpr int kRounds = 10;
constexpr int kPodsOfRound = 20;  // at once; a kubelet on a shared core takes a second for each

}  // namespace

TEST_CASE("two hundred pods come, are in the mesh and go, and a neighbour's connection stays") {
  const Cluster& cluster = installed_cluster();
  const Town town(cluster, "churn", "istio.io/dataplane-mode: ambient");
  town.pod("echo", {"culvert-load", "echo", kEchoPort}, {.node = cluster.worker(1)});
  town.client("client", {.node = cluster.worker(0)});
  town.wait_until_ready();
  Held held(town, "client", "echo");
  REQUIRE(held.opened());
  for (int round = 0; round < kRounds; ++round) {
    INFO(round);
    const std::string name = fmt::format("crowd-{}", round);
    town.stateful_server(name, kPodsOfRound);
    for (const int pod : {0, kPodsOfRound - 1}) {
      CHECK(answered(town, "client", fmt::format("{}-{}.{}:8080", name, pod, name)));
    }
    town.must_kubectl({"delete", "statefulset,service", name});
    town.must_kubectl({"wait", "pod", "-l", "app=" + name, "--for=delete", "--timeout=120s"});
  }
  CHECK_FALSE(held.is_cut_within(1s));
}

}  // namespace culvert::lab
