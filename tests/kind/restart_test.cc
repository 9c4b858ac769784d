// What is restarted, replaced or away while pods talk.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/kind/held.h"
#include "tests/kind/installed.h"
#include "tests/kind/town.h"
#include "tests/kind/wire.h"

namespace culvert::lab {

namespace {

constexpr Milliseconds kRollout = 240s;  // three drains of 25 s, and three starts

// Callers is a town with an echo server and a pod on another node that opens connections to it
// without end, and tells of each 200.
struct Callers {
  Callers(const Cluster& cluster, const std::string& name)
      : town(cluster, name, "istio.io/dataplane-mode: ambient") {
    town.pod("echo", {"culvert-load", "echo", kEchoPort}, {.node = cluster.worker(1)});
    town.client("client", {.node = cluster.worker(0)});
    town.wait_until_ready();
    const std::string calls =
        fmt::format("while true; do culvert-load connections {} {} 200 4; sleep 0.1; done",
                    town.ip("echo"), kEchoPort);
    town.pod("caller", {"busybox", "sh", "-c", calls}, {.node = cluster.worker(0)});
    town.wait_until_ready();
    eventually(20s, [&] { return made() > 0; });
  }

  // The sum of a number over all that the caller has told.
  int sum(const char* name) const {
    int all = 0;
    std::istringstream lines(town.must_kubectl({"logs", "caller"}));
    for (std::string line; std::getline(lines, line);) {
      const auto told = nlohmann::json::parse(line, nullptr, false);
      all += told.is_object() ? told.value(name, 0) : 0;
    }
    return all;
  }
  int made() const { return sum("connections"); }
  int lost() const { return sum("lost") + sum("refused"); }
  // Waits until some were made from now on.
  bool go_on() const {
    const int before = made();
    return eventually(20s, [&] { return made() > before; });
  }

  Town town;
};

void wait_for_daemons(const Cluster& cluster) {
  for (const char* name : {"daemonset/culvert-agent", "daemonset/culvert-ztunnel"}) {
    cluster.kubectl().must_run({"-n", kSystem, "rollout", "status", name, "--timeout=240s"}, {},
                               kRollout);
  }
}

}  // namespace

TEST_CASE("ztunnel is replaced on every node, and no connection that is opened meanwhile is lost") {
  const Cluster& cluster = installed_cluster();
  const Callers callers(cluster, "ztunnel-rolls");
  REQUIRE(callers.made() > 0);
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
  CHECK(eventually(120s, [&] {
    return callers.town.get("server", R"(.status.conditions[?(@.type=="Ready")].status)") ==
               "True" &&
           callers.town.ask("client", "server", "canary-after").ok();
  }));
  wait_for_daemons(cluster);
  CHECK_FALSE(wire.shows("canary"));
  CHECK(wire.ports(callers.town.ip("client"), callers.town.ip("server")) == std::set<int>{15008});
}

TEST_CASE("without the API server for three minutes pods talk, and changes count when it is back") {
  const Cluster& cluster = installed_cluster();
  const Callers callers(cluster, "no-api");
  const std::string manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml";
  cluster.must_on_node(cluster.nodes()[0], {"mv", manifest, "/kind/"});
  std::this_thread::sleep_for(180s);
  cluster.must_on_node(cluster.nodes()[0], {"mv", "/kind/kube-apiserver.yaml", manifest});
  REQUIRE(eventually(120s, [&] { return cluster.kubectl().run({"get", "nodes"}).ok(); }));
  CHECK(callers.go_on());
  CHECK(callers.lost() == 0);
  callers.town.client("late", {.node = cluster.worker(0)});
  callers.town.wait_until_ready();
  CHECK(eventually(60s, [&] {
    return callers.town
        .in_pod("late",
                {"culvert-load", "connections", callers.town.ip("echo"), kEchoPort, "10", "1"})
        .ok();
  }));
}

}  // namespace culvert::lab
