// The agent before a real API server: what is created there is what ztunnel knows, live, and what
// is not installed, not allowed or not there is said.
// SPDX-License-Identifier: Apache-2.0
#include "tests/kube/cluster.h"
#include "tests/kube/rights.h"

namespace culvert::lab {

namespace {

// What somebody waits for who has changed something: a watch event, a translation, a push. It takes
// milliseconds; the rest is for a machine that compiles meanwhile.
constexpr auto kLive = 10s;
constexpr auto kStart = 30s;
// A CRD that is installed is looked for every 15 to 30 s.
constexpr auto kFound = 45s;

constexpr const char* kPolicy = R"(apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: only-shop, namespace: demo}
spec:
  action: ACTION
  rules: [{from: [{source: {principals: [cluster.local/ns/demo/sa/shop]}}]}]
)";

std::string policy(const std::string& action) {
  std::string text = kPolicy;
  return text.replace(text.find("ACTION"), 6, action);
}

}  // namespace

TEST_CASE("what is created in the cluster is what ztunnel knows, live, with or without CRDs") {
  Cluster cluster("kube agent");
  cluster.create_pod("cart", "10.77.1.50");
  cluster.start_agent();
  cluster.node.start_ztunnel();
  REQUIRE(eventually(kStart, [&] { return cluster.complete(); }));
  CHECK(cluster.source().contains(
      "; not installed: authorizationpolicies of security.istio.io/v1, peerauthentications of "
      "security.istio.io/v1, gateways of gateway.networking.k8s.io/v1"));
  CHECK(eventually(kLive, [&] { return cluster.knows("workloads", "cart"); }));
  CHECK(cluster.entry("workloads", "cart").value("serviceAccount", "") == "cart");
  CHECK(cluster.entry("workloads", "cart").value("node", "") == "east");

  // Pods come and go, labels and services too.
  cluster.create_pod("pay", "10.77.2.51", "west");
  CHECK(eventually(kLive, [&] { return cluster.knows("workloads", "pay"); }));
  cluster.api.apply(R"(apiVersion: v1
kind: Service
metadata: {name: shop, namespace: demo}
spec: {clusterIP: 10.96.7.7, ports: [{port: 80, targetPort: 8080}]}
)");
  CHECK(eventually(kLive, [&] { return cluster.knows("services", "shop"); }));
  CHECK(cluster.entry("services", "shop")
            .value("vips", nlohmann::json::array())
            .dump()
            .contains("10.96.7.7"));
  cluster.delete_pod("pay");
  CHECK(eventually(kLive, [&] { return !cluster.knows("workloads", "pay"); }));

  // CRDs that are installed later are found, and their objects with them.
  cluster.api.install_crds();
  cluster.api.apply(policy("DENY"));
  CHECK(eventually(kFound, [&] { return cluster.knows("policies", "only-shop"); }));
  CHECK(cluster.entry("policies", "only-shop").value("action", "") == "Deny");
  CHECK(eventually(kFound, [&] { return !cluster.source().contains("not installed"); }));
  cluster.api.apply(policy("ALLOW"));
  CHECK(eventually(kLive, [&] {
    return cluster.entry("policies", "only-shop").value("action", "") == "Allow";
  }));

  // While the API server is away, what is known stays; afterwards what came meanwhile is known too.
  cluster.api.stop();
  CHECK(eventually(kStart, [&] { return cluster.has_error("the cluster is not followed"); }));
  CHECK(cluster.complete());
  CHECK(cluster.knows("workloads", "cart"));
  CHECK(cluster.knows("policies", "only-shop"));
  cluster.api.start();
  cluster.api.must_kubectl({"delete", "authorizationpolicy", "only-shop", "-n", "demo"});
  CHECK(eventually(kFound, [&] { return !cluster.knows("policies", "only-shop"); }));
  CHECK(eventually(kFound, [&] { return !cluster.has_error("the cluster is not followed"); }));
  INFO(cluster.mesh.logs());
  CHECK(cluster.knows("workloads", "cart"));
}

TEST_CASE("a pod that is captured says so in its annotation, until it leaves the mesh") {
  Cluster cluster("kube annotation");
  cluster.label_namespace("ambient");
  Pod& shop = cluster.pod("shop");
  Rights rights(cluster.api, "culvert-agent");
  rights.take_away(rights.one("patch", "pods/status"));
  cluster.start_agent();
  cluster.node.start_ztunnel();
  REQUIRE(eventually(kStart, [&] { return cluster.complete(); }));
  cluster.node.enrol(shop);
  const auto annotation = [&] { return cluster.annotation("shop"); };
  // Without the right it is tried again, and said.
  CHECK(eventually(kLive, [&] {
    return cluster.node.agent_log().contains("annotation could not be written") &&
           cluster.node.agent_log().contains("cannot patch resource");
  }));
  CHECK(annotation().empty());
  rights.give_back();
  CHECK(eventually(kStart, [&] { return annotation() == "enabled"; }));
  CHECK(eventually(
      kLive, [&] { return cluster.entry("workloads", "shop").value("protocol", "") == "HBONE"; }));

  // Who takes it away does not take the pod out of the mesh.
  cluster.api.must_kubectl(
      {"annotate", "pod", "shop", "-n", "demo", "ambient.istio.io/redirection-"});
  CHECK(eventually(kLive, [&] { return annotation() == "enabled"; }));

  cluster.label_namespace("none");
  CHECK(eventually(kStart, [&] { return annotation().empty(); }));
  CHECK(eventually(kStart, [&] {
    return !cluster.node.ask_agent("/pods").contains("shop") &&
           cluster.entry("workloads", "shop").value("protocol", "") == "TCP";
  }));
  INFO(cluster.mesh.logs());
  cluster.label_namespace("ambient");
  CHECK(eventually(kStart, [&] { return annotation() == "enabled"; }));

  // Its sandbox is gone, as when its node restarts, and comes back: others go on taking it for a
  // part of the mesh, also those who ask this agent, and no agent that starts thinks otherwise.
  CHECK(cluster.node.unenrol(shop).empty());
  cluster.start_agent();
  CHECK(eventually(kStart, [&] { return cluster.complete(); }));
  CHECK_FALSE(eventually(3s, [&] { return annotation() != "enabled"; }));
  CHECK(cluster.entry("workloads", "shop").value("protocol", "") == "HBONE");
}

TEST_CASE("a pod's start waits until others can know that it is captured") {
  Cluster cluster("kube mark");
  cluster.label_namespace("ambient");
  Pod& shop = cluster.pod("shop");
  cluster.start_agent();
  cluster.node.start_ztunnel();
  REQUIRE(eventually(kStart, [&] { return cluster.complete(); }));
  cluster.node.enrol(shop);
  CHECK(cluster.annotation("shop") == "enabled");
}

TEST_CASE("a pod that can't be in the mesh says why in an Event") {
  Cluster cluster("kube events");
  cluster.label_namespace("ambient");
  cluster.create_pod("metal", cluster.node.ip4(), "east", {}, true);
  Rights rights(cluster.api, "culvert-agent");
  rights.take_away(rights.one("create", "events"));
  cluster.start_agent();
  CHECK(eventually(kStart, [&] {
    return cluster.node.agent_log().contains("an Event could not be written") &&
           cluster.node.agent_log().contains("cannot create resource");
  }));
  rights.give_back();
  cluster.create_pod("other", "10.77.2.50", "west");  // the next translation finds it again
  const auto events = [&] {
    return cluster.api.must_kubectl({"get", "events", "-n", "demo", "-o",
                                     "jsonpath={.items[*].involvedObject.name}: "
                                     "{.items[*].type}, {.items[*].message}"});
  };
  CHECK(eventually(kStart, [&] { return !events().starts_with(":"); }));
  CHECK(events() ==
        "metal: Warning, Pod demo/metal: it is on the node's own network and stays outside of the "
        "mesh; label it istio.io/dataplane-mode=none");
}

}  // namespace culvert::lab
