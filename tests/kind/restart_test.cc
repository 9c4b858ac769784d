// What is restarted or replaced while pods talk.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/kind/callers.h"
#include "tests/kind/held.h"
#include "tests/kind/installed.h"
#include "tests/kind/town.h"
#include "tests/kind/wire.h"

namespace culvert::lab {

TEST_CASE("ztunnel is replaced on every node, and no connection that is opened meanwhile is lost") {
  const Cluster& cluster = installed_cluster();
  const Callers callers(cluster, "ztunnel-rolls");
  cluster.kubectl().must_run({"-n", kSystem, "rollout", "restart", "daemonset/culvert-ztunnel"});
  wait_for_daemons(cluster);
  CHECK(callers.go_on());
  CHECK(callers.lost() == 0);
  MESSAGE(callers.made(), " connections, ", callers.lost(), " lost");
}

TEST_CASE("agents are replaced, and connections go on") {
  const Cluster& cluster = installed_cluster();
  const Callers callers(cluster, "agents-go");
  Held held(callers.town, "client", "echo");
  REQUIRE(held.opened());
  Wire wire(cluster);
  cluster.kubectl().must_run(
      {"-n", kSystem, "delete", "pod", "-l", "app.kubernetes.io/name=culvert-agent"}, {}, 90s);
  wait_for_daemons(cluster);
  CHECK(callers.go_on());
  CHECK(callers.lost() == 0);
  CHECK_FALSE(held.is_cut_within(1s));
  CHECK(wire.ports(callers.town.ip("caller"), callers.town.ip("echo")) == std::set<int>{15008});
}

TEST_CASE(
    "a node that was restarted has its pods back in the mesh, and none of them in plaintext") {
  const Cluster& cluster = installed_cluster();
  const Callers callers(cluster, "node-restarts");
  callers.town.server("server", {.node = cluster.worker(1)});
  callers.town.wait_until_ready();
  CHECK(answered(callers.town, "client", "server"));
  Wire wire(cluster);
  cluster.stop_node(cluster.worker(1));
  cluster.start_node(cluster.worker(1));
  bool stays_marked = true;  // or others would talk to it in plaintext until it is captured again
  CHECK(eventually(120s, [&] {
    stays_marked &=
        callers.town.get("server", R"(.metadata.annotations.ambient\.istio\.io/redirection)") ==
        "enabled";
    return callers.town.get("server", R"(.status.conditions[?(@.type=="Ready")].status)") ==
               "True" &&
           callers.town.ask("client", "server", "canary-after").ok();
  }));
  wait_for_daemons(cluster);
  CHECK(stays_marked);
  CHECK_FALSE(wire.shows("canary"));
  CHECK(wire.ports(callers.town.ip("client"), callers.town.ip("server")) == std::set<int>{15008});
}

}  // namespace culvert::lab
