// The agent is away, or somebody overwrites what it keeps.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/kind/callers.h"
#include "tests/kind/held.h"
#include "tests/kind/installed.h"
#include "tests/kind/wire.h"

namespace culvert::lab {

namespace {

constexpr const char* kConflist = "/etc/cni/net.d/10-ptp.conflist";

// Every agent ends at once whenever it starts, for as long as this lives.
class CrashingAgents {
 public:
  explicit CrashingAgents(const Cluster& cluster) : kubectl_(cluster.kubectl()) {
    kubectl_.must_run({"-n", kSystem, "patch", "daemonset", "culvert-agent", "--type=json", "-p",
                       R"([{"op": "add", "path": "/spec/template/spec/containers/0/args/-",
                            "value": "--no-such-flag"}])"});
    // A rollout would stop at the first node that does not get ready.
    kubectl_.must_run({"-n", kSystem, "delete", "pod", "-l", kAgents}, {}, 90s);
  }
  ~CrashingAgents() {
    kubectl_.run({"-n", kSystem, "rollout", "undo", "daemonset/culvert-agent"});
    // Those that crash wait for minutes before they are started once more.
    kubectl_.run({"-n", kSystem, "delete", "pod", "-l", kAgents}, {}, 90s);
  }
  CrashingAgents(CrashingAgents&&) = delete;
  CrashingAgents& operator=(CrashingAgents&&) = delete;

  std::string restarts() const {
    return kubectl_.must_run({"-n", kSystem, "get", "pod", "-l", kAgents, "-o",
                              "jsonpath={.items[*].status.containerStatuses[0].restartCount}"});
  }

 private:
  static constexpr const char* kAgents = "app.kubernetes.io/name=culvert-agent";

  const Kubectl& kubectl_;
};

std::string conflist(const Cluster& cluster, const std::string& node) {
  return cluster.must_on_node(node, {"cat", kConflist});
}

}  // namespace

TEST_CASE("while all agents crash pods talk, and a new one waits and says why") {
  const Cluster& cluster = installed_cluster();
  const Callers callers(cluster, "crashing");
  const Town& town = callers.town;
  Held held(town, "client", "echo");
  REQUIRE(held.opened());
  Wire wire(cluster);
  const auto events = [&] {
    return town.must_kubectl({"get", "events", "--field-selector", "involvedObject.name=new", "-o",
                              R"(jsonpath={range .items[*]}{.message}{"\n"}{end})"});
  };
  {
    const CrashingAgents agents(cluster);
    CHECK(eventually(60s, [&] { return agents.restarts() == "2 2 2"; }));
    CHECK(callers.go_on());
    town.client("new", {.node = cluster.worker(0)});
    CHECK(eventually(60s, [&] { return events().contains("culvert-cni"); }));
    CHECK(town.get("new", ".status.phase") == "Pending");
    INFO(events());
    CHECK(events().contains("see why culvert-agent does not run on this node"));
  }
  // It starts without anybody's help.
  wait_for_daemons(cluster);
  town.wait_until_ready();
  CHECK(town.in_pod("new", {"culvert-load", "connections", town.ip("echo"), kEchoPort, "10", "1"})
            .ok());
  CHECK(callers.go_on());
  CHECK(callers.lost() == 0);
  CHECK_FALSE(held.is_cut_within(1s));
  for (const char* pod : {"caller", "new"}) {
    INFO(pod);
    CHECK(wire.ports(town.ip(pod), town.ip("echo")) == std::set<int>{15008});
  }
}

TEST_CASE(
    "a network plugin that writes its configuration anew does not keep pods out of the mesh") {
  const Cluster& cluster = installed_cluster();
  const Town town(cluster, "rewritten", "istio.io/dataplane-mode: ambient");
  town.server("server", {.node = cluster.worker(1)});
  town.wait_until_ready();
  const std::string before = conflist(cluster, cluster.worker(0));
  CHECK(before.contains("culvert-cni"));
  cluster.write_network();
  CHECK(eventually(5s, [&] { return conflist(cluster, cluster.worker(0)) == before; }));

  Wire wire(cluster);
  town.client("client", {.node = cluster.worker(0)});
  town.wait_until_ready();
  CHECK(town.ask("client", "server", "canary").ok());
  CHECK(wire.ports(town.ip("client"), town.ip("server")) == std::set<int>{15008});
  CHECK_FALSE(wire.shows("canary"));
}

}  // namespace culvert::lab
