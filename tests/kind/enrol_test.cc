// Pods come into the mesh by a label, and what they say each other is encrypted from then on.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/kind/installed.h"
#include "tests/kind/town.h"
#include "tests/kind/wire.h"

namespace culvert::lab {

namespace {

constexpr const char* kInit = R"(initContainers:
- name: first
  image: {}
  command: [curl, -sSf, --retry, "5", --retry-connrefused, "http://server/cgi-bin/who?init-canary"]
)";

constexpr const char* kJob = R"(apiVersion: batch/v1
kind: Job
metadata: {{name: once}}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      nodeName: {}
      containers:
      - name: app
        image: {}
        command: [curl, -sSf, --retry, "5", --retry-connrefused, "http://server/cgi-bin/who?job-canary"]
)";

constexpr const char* kSixService = R"(apiVersion: v1
kind: Service
metadata: {name: six}
spec:
  ipFamilies: [IPv6]
  ipFamilyPolicy: SingleStack
  selector: {app: server}
  ports: [{port: 80, targetPort: 8080}]
)";

// kube-proxy in another mode, until the test ends.
class ProxyMode {
 public:
  ProxyMode(const Cluster& cluster, const std::string& mode) : cluster_(cluster) { set(mode); }
  ~ProxyMode() { set("iptables"); }
  ProxyMode(ProxyMode&&) = delete;
  ProxyMode& operator=(ProxyMode&&) = delete;

 private:
  void set(const std::string& mode) const {
    const Kubectl& kubectl = cluster_.kubectl();
    std::string map =
        kubectl.must_run({"get", "configmap", "kube-proxy", "-n", "kube-system", "-o", "json"});
    const std::size_t at = map.find("mode: ");
    map.replace(at, map.find("\\n", at) - at, "mode: " + mode);
    kubectl.must_run({"replace", "-f", "-"}, map);
    kubectl.must_run({"rollout", "restart", "daemonset/kube-proxy", "-n", "kube-system"});
    kubectl.must_run({"rollout", "status", "daemonset/kube-proxy", "-n", "kube-system"}, {}, 120s);
  }

  const Cluster& cluster_;
};

}  // namespace

TEST_CASE("running pods are in the mesh when their namespace is labelled, without a restart") {
  const Cluster& cluster = installed_cluster();
  const Town town(cluster, "labelled");
  town.server("server", {.node = cluster.worker(1)});
  town.client("client", {.node = cluster.worker(0)});
  town.wait_until_ready();
  {
    Wire wire(cluster);
    CHECK(answered(town, "client", "server", "before"));
    CHECK(wire.shows("before"));
  }
  const std::string uid = town.get("server", ".metadata.uid");
  town.enrol();
  {
    Wire wire(cluster);
    for (const std::string& host : {std::string("server"), town.ip("server") + ":8080"}) {
      INFO(host);
      const Outcome answer = town.ask("client", host, "canary");
      INFO(answer.err);
      CHECK(answer.out == "server " + town.ip("client") + "\n");
    }
    CHECK_FALSE(wire.shows("canary"));
    CHECK(wire.ports(town.ip("client"), town.ip("server")) == std::set<int>{15008});
  }
  CHECK(town.get("server", ".metadata.uid") == uid);
  CHECK(town.get("server", ".status.containerStatuses[0].restartCount") == "0");

  town.leave();
  Wire wire(cluster);
  CHECK(answered(town, "client", "server", "after"));
  CHECK(wire.shows("after"));
}

TEST_CASE("a new pod is in the mesh before its first init container runs") {
  const Cluster& cluster = installed_cluster();
  const Town town(cluster, "new-pods", "istio.io/dataplane-mode: ambient");
  town.server("server", {.node = cluster.worker(1)});
  town.wait_until_ready();
  Wire wire(cluster);
  const std::string init = fmt::format(kInit, apps_image());
  town.client("client", {.node = cluster.worker(0), .spec = init});
  town.wait_until_ready();
  CHECK(town.must_kubectl({"logs", "client", "-c", "first"}) ==
        "server " + town.ip("client") + "\n");
  CHECK_FALSE(wire.shows("init-canary"));
  CHECK(wire.ports(town.ip("client"), town.ip("server")) == std::set<int>{15008});
}

TEST_CASE("a headless Service and the names of a StatefulSet lead to encrypted connections") {
  const Cluster& cluster = installed_cluster();
  const Town town(cluster, "stateful", "istio.io/dataplane-mode: ambient");
  town.stateful_server("set", 2);
  town.client("client", {.node = cluster.worker(0)});
  town.wait_until_ready();
  Wire wire(cluster);
  for (const char* pod : {"set-0", "set-1"}) {
    INFO(pod);
    CHECK(answered(town, "client", std::string(pod) + ".set:8080", "canary"));
    CHECK(town.ask("client", std::string(pod) + ".set:8080").out.starts_with(pod));
  }
  CHECK(answered(town, "client", "set:8080", "canary"));
  CHECK_FALSE(wire.shows("canary"));
}

TEST_CASE("a Job's pod is in the mesh for its short life, and the Job ends") {
  const Cluster& cluster = installed_cluster();
  const Town town(cluster, "jobs", "istio.io/dataplane-mode: ambient");
  town.server("server", {.node = cluster.worker(1)});
  town.wait_until_ready();
  Wire wire(cluster);
  town.apply(fmt::format(kJob, cluster.worker(0), apps_image()));
  town.must_kubectl({"wait", "job/once", "--for=condition=Complete", "--timeout=60s"});
  CHECK(town.must_kubectl({"logs", "job/once"}).starts_with("server 10."));
  CHECK_FALSE(wire.shows("job-canary"));
}

TEST_CASE("pods with two families of addresses talk encrypted by both") {
  const Cluster& cluster = installed_cluster();
  const Town town(cluster, "dual", "istio.io/dataplane-mode: ambient");
  town.server("server",
              {.node = cluster.worker(1), .more = "env: [{name: LISTEN, value: '[::]'}]\n"});
  town.apply(kSixService);
  town.client("client", {.node = cluster.worker(0)});
  town.wait_until_ready();
  const std::string server6 = town.get("server", ".status.podIPs[1].ip");
  const std::string client6 = town.get("client", ".status.podIPs[1].ip");
  Wire wire(cluster);
  for (const std::string& host : {std::string("six"), "[" + server6 + "]:8080"}) {
    INFO(host);
    CHECK(answered(town, "client", host, "canary"));
    CHECK(town.ask("client", host).out.contains(client6));
  }
  CHECK(answered(town, "client", town.ip("server") + ":8080", "canary"));
  CHECK_FALSE(wire.shows("canary"));
  CHECK(wire.ports(client6, server6) == std::set<int>{15008});
  CHECK(wire.ports(town.ip("client"), town.ip("server")) == std::set<int>{15008});
}

TEST_CASE("a pod outside the mesh is answered, and answers, with kube-proxy in both modes") {
  const Cluster& cluster = installed_cluster();
  const Town inside(cluster, "inside", "istio.io/dataplane-mode: ambient");
  const Town outside(cluster, "outside");
  for (const Town* town : {&inside, &outside}) {
    town->server("server", {.node = cluster.worker(1)});
    town->client("client", {.node = cluster.worker(0)});
    town->wait_until_ready();
  }
  CHECK(answered(outside, "client", "server.inside"));
  CHECK(outside.ask("client", "server.inside").out == "server " + outside.ip("client") + "\n");
  CHECK(answered(inside, "client", "server.outside"));
  CHECK(inside.ask("client", "server.outside").out == "server " + inside.ip("client") + "\n");

  // What kube-proxy does for the one outside, and beside us, is the same by other means.
  const ProxyMode nftables(cluster, "nftables");
  for (const std::string where : {"inside", "outside"}) {
    INFO(where);
    CHECK(answered(inside, "client", "server." + where));
    CHECK(answered(outside, "client", "server." + where));
  }
}

}  // namespace culvert::lab
