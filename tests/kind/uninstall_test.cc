// What Culvert leaves on nodes, in pods and in the API: while it is installed, and afterwards.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <map>

#include "tests/kind/callers.h"
#include "tests/kind/installed.h"
#include "tests/kind/town.h"
#include "tests/kind/wire.h"

namespace culvert::lab {

namespace {

using Traces = std::map<std::string, std::string>;

// Without counters, comments and what kube-proxy and the pod network have there.
constexpr const char* kRules = R"(
for save in iptables-save ip6tables-save; do
  $save 2>/dev/null | sed 's/\[[0-9:]*\]//; /^#/d; /KUBE-/d; /CNI-/d'
done
nft list tables | grep -v 'table ip6\? \(filter\|nat\|mangle\|raw\)$' || true)";

// The script of each trace that a node may show.
constexpr std::pair<const char*, const char*> kOfNode[] = {
    {"routing rules", "ip rule; ip -6 rule"},
    {"netfilter rules", kRules},
    {"pins", "find /sys/fs/bpf -mindepth 1 ! -name '*.debug'"},
    {"CNI configuration", "cd /etc/cni/net.d && head -n 100 -- * .[!.]* 2>/dev/null || true"},
    {"CNI plugins", "ls -A /opt/cni/bin"},
};

constexpr const char* kRulesOfPods = R"(
for pod in $(ip netns list | cut -d' ' -f1); do ip netns exec $pod nft list ruleset; done)";

Traces traces(const Cluster& cluster) {
  Traces all;
  for (const std::string& node : cluster.nodes()) {
    for (const auto& [what, script] : kOfNode) {
      all[node + ": " + what] = cluster.must_on_node(node, {"bash", "-c", script});
    }
    all[node + ": programs"] = cluster.programs_on(node);
  }
  all["objects"] = cluster.kubectl().must_run(
      {"get",
       "namespace,crd,clusterrole,clusterrolebinding,role,rolebinding,serviceaccount,secret,"
       "configmap,daemonset,deployment,csr,priorityclass",
       "-A", "-o", "name", "--sort-by=.metadata.name"});
  return all;
}

void check_equal(const Traces& before, const Traces& after) {
  for (const auto& [what, text] : before) {
    INFO(what);
    CHECK(after.at(what) == text);
  }
}

// Both would refuse the plaintext of a node that is released before the server's.
constexpr const char* kPolicies = R"(
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: callers}
spec: {rules: [{from: [{source: {namespaces: [goes-on]}}]}]}
)";

}  // namespace

TEST_CASE("no connection is lost while nodes are released, whatever policies say") {
  const Cluster& cluster = installed_cluster();
  const Callers callers(cluster, "goes-on");
  callers.town.must_kubectl({"apply", "-f", "-"}, kPolicies);
  {
    Wire wire(cluster);
    CHECK(callers.go_on());
    CHECK(wire.ports(callers.town.ip("caller"), callers.town.ip("echo")) == std::set<int>{15008});
  }
  uninstall(cluster);
  CHECK(callers.go_on());
  CHECK(callers.lost() == 0);
  MESSAGE(callers.made(), " connections, ", callers.lost(), " lost");
}

TEST_CASE("uninstalling leaves nothing on nodes, in pods and in the API, and pods go on") {
  const Cluster& cluster = bare_cluster();
  uninstall(cluster);  // a test before us may have left it
  install_crds(cluster);
  const Town town(cluster, "leaving", "istio.io/dataplane-mode: ambient");
  town.server("server", {.node = cluster.worker(1)});
  town.client("client", {.node = cluster.worker(0)});
  town.wait_until_ready();
  const Traces before = traces(cluster);
  const std::string rules_of_pod = town.in_pod("client", {"busybox", "ip", "rule"}).out;
  const std::string uid = town.get("client", ".metadata.uid");

  install(cluster);
  town.enrol();
  {
    Wire wire(cluster);
    CHECK(answered(town, "client", "server", "canary"));
    CHECK_FALSE(wire.shows("canary"));
  }
  CHECK(town.in_pod("client", {"busybox", "ip", "rule"}).out != rules_of_pod);
  // The mesh has no use for netfilter, neither in pods nor on the host.
  const Traces during = traces(cluster);
  for (const std::string& node : cluster.nodes()) {
    INFO(node);
    CHECK(cluster.must_on_node(node, {"bash", "-c", kRulesOfPods}).empty());
    CHECK(during.at(node + ": netfilter rules") == before.at(node + ": netfilter rules"));
    CHECK(during.at(node + ": programs") != before.at(node + ": programs"));
    CHECK(during.at(node + ": pins") != before.at(node + ": pins"));
  }

  uninstall(cluster);
  check_equal(before, traces(cluster));
  CHECK(town.in_pod("client", {"busybox", "ip", "rule"}).out == rules_of_pod);
  CHECK(town.get("client", ".metadata.uid") == uid);
  CHECK_FALSE(town.must_kubectl({"get", "pods", "-o", "yaml"}).contains("ambient.istio.io"));
  Wire wire(cluster);
  CHECK(answered(town, "client", "server", "after"));
  CHECK(wire.shows("after"));
}

}  // namespace culvert::lab
