// Pods and services on the wire, and which pods are mine.
// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/translator.h"

#include <doctest/doctest.h>

#include "tests/unit/mesh/shop.h"

namespace culvert::mesh {
namespace {

const std::string kRedirected = "annotations: {ambient.istio.io/redirection: enabled}";

TEST_CASE("a pod becomes a workload under Istio's name") {
  const auto a =
      pod(translated(
              pod_yaml("a", "10.0.0.1",
                       "labels: {app: web, version: v2, pod-template-hash: abc}\n"
                       "  ownerReferences: [{kind: ReplicaSet, name: web-abc, controller: true}]")),
          "a");
  CHECK(a.uid() == "Kubernetes//Pod/shop/a");
  CHECK(a.name() == "a");
  CHECK(a.namespace_() == "shop");
  CHECK(a.addresses(0) == std::string("\x0a\0\0\x01", 4));
  CHECK(a.trust_domain() == "cluster.local");
  CHECK(a.service_account() == "a-account");
  CHECK(a.node() == "n1");
  CHECK(a.cluster_id() == "Kubernetes");
  CHECK(a.workload_name() == "web");
  CHECK(a.workload_type() == wl::DEPLOYMENT);
  CHECK(a.canonical_name() == "web");
  CHECK(a.canonical_revision() == "v2");
  CHECK(a.status() == wl::HEALTHY);
}

TEST_CASE("a workload is where its node is, as the topology labels say it") {
  const auto node = [](const std::string& labels) {
    return "---\napiVersion: v1\nkind: Node\nmetadata: {name: n1, labels: {" + labels + "}}\n";
  };
  const auto a = pod(translated(node("topology.kubernetes.io/region: eu, "
                                     "topology.kubernetes.io/zone: eu-1, "
                                     "topology.istio.io/subzone: rack-7") +
                                pod_yaml("a", "10.0.0.1")),
                     "a");
  CHECK(a.locality().region() == "eu");
  CHECK(a.locality().zone() == "eu-1");
  CHECK(a.locality().subzone() == "rack-7");
  CHECK_FALSE(pod(translated(node("") + pod_yaml("a", "10.0.0.1")), "a").has_locality());
  CHECK_FALSE(pod(translated(node("topology.kubernetes.io/zone: x") +
                             pod_yaml("a", "10.0.0.1", "labels: {}", "n2")),
                  "a")
                  .has_locality());
}

TEST_CASE("a pod without owner and labels is named after itself") {
  const auto a = pod(translated(pod_yaml("a", "10.0.0.1")), "a");
  CHECK(a.workload_name() == "a");
  CHECK(a.workload_type() == wl::POD);
  CHECK(a.canonical_name() == "a");
  CHECK(a.canonical_revision() == "latest");
}

TEST_CASE("a pod speaks HBONE when it is captured, and only then") {
  const auto tunnel = [](const std::string& extra, const std::string& node,
                         const std::set<std::string>& enrolled) {
    return pod(translated(ambient_namespace() + pod_yaml("a", "10.0.0.1", extra, node), enrolled),
               "a")
        .tunnel_protocol();
  };
  CHECK(tunnel("labels: {}", "n1", {}) == wl::NONE);  // mine and wanted, but not captured yet
  CHECK(tunnel("labels: {}", "n1", {"uid-a"}) == wl::HBONE);
  CHECK(tunnel("labels: {}", "n2", {"uid-a"}) == wl::NONE);  // not mine: only its annotation counts
  CHECK(tunnel(kRedirected, "n1", {}) == wl::HBONE);
  CHECK(tunnel(kRedirected, "n2", {}) == wl::HBONE);
  CHECK(tunnel("annotations: {ambient.istio.io/redirection: pending}", "n2", {}) == wl::NONE);
  CHECK(tunnel("labels: {networking.istio.io/tunnel: http}", "n2", {}) == wl::HBONE);
}

TEST_CASE(
    "mine are the pods of my node that ask for the mesh, by their own label or their namespace's") {
  const auto mine = [](const std::string& text) {
    std::vector<std::string> uids;
    for (const auto& pod : translated(text).mesh.pods) {
      uids.push_back(pod.uid);
    }
    return uids;
  };
  using Uids = std::vector<std::string>;
  const auto ns = ambient_namespace();
  CHECK(mine(ns + pod_yaml("a", "10.0.0.1")) == Uids{"uid-a"});
  CHECK(mine(pod_yaml("a", "10.0.0.1")).empty());
  CHECK(mine(ns + pod_yaml("a", "10.0.0.1", "labels: {}", "n2")).empty());
  CHECK(mine(ns + pod_yaml("a", "10.0.0.1", "labels: {istio.io/dataplane-mode: none}")).empty());
  CHECK(mine(pod_yaml("a", "10.0.0.1", "labels: {istio.io/dataplane-mode: ambient}")) ==
        Uids{"uid-a"});
  CHECK(mine(ns + pod_yaml("a", "10.0.0.1", "annotations: {sidecar.istio.io/status: x}")).empty());
  auto finished = pod_yaml("a", "10.0.0.1");
  finished.replace(finished.find("Running"), 7, "Failed");
  CHECK(mine(ns + finished).empty());
  auto host = pod_yaml("a", "10.0.0.1");
  host.replace(host.find("nodeName"), 0, "hostNetwork: true\n  ");
  CHECK(mine(ns + host).empty());
}

TEST_CASE("a pod of mine on the node's network that asks for the mesh is refused with its reason") {
  auto host = pod_yaml("a", "10.0.0.1");
  host.replace(host.find("nodeName"), 0, "hostNetwork: true\n  ");
  const auto translation = translated(ambient_namespace() + host);
  REQUIRE(translation.refused.size() == 1);
  CHECK(translation.refused[0].pod.uid == "uid-a");
  CHECK(translation.refused[0].sentence ==
        "Pod shop/a: it is on the node's own network and stays outside of the mesh; label it "
        "istio.io/dataplane-mode=none");
  CHECK(sentences(translation.problems) == std::vector{translation.refused[0].sentence});
  CHECK(translated(host).refused.empty());
  auto elsewhere = host;
  elsewhere.replace(elsewhere.find("nodeName: n1"), 12, "nodeName: n2");
  CHECK(translated(ambient_namespace() + elsewhere).refused.empty());
}

TEST_CASE("a dataplane mode that nobody knows is named, and leaves a pod to its namespace") {
  const auto ns = ambient_namespace();
  const auto typo = pod_yaml("a", "10.0.0.1", "labels: {istio.io/dataplane-mode: ambiend}");
  const auto inside = translated(ns + typo);
  REQUIRE(inside.mesh.pods.size() == 1);
  CHECK(sentences(inside.problems) ==
        std::vector<std::string>{"Pod shop/a: its label istio.io/dataplane-mode=ambiend is neither "
                                 "ambient nor none; its namespace decides"});
  const std::string strange =
      "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: "
      "{istio.io/dataplane-mode: sidecar}}\n";
  const auto outside = translated(strange + pod_yaml("a", "10.0.0.1"));
  CHECK(outside.mesh.pods.empty());
  CHECK(sentences(outside.problems) ==
        std::vector<std::string>{"Namespace shop: its label istio.io/dataplane-mode=sidecar is "
                                 "neither ambient nor none; its pods stay outside of the mesh"});
  // Of the pods of other nodes their own agents tell.
  CHECK(translated(ns + pod_yaml("a", "10.0.0.1", "labels: {istio.io/dataplane-mode: x}", "n2"))
            .problems.empty());
}

TEST_CASE("a pod's own label goes before its namespace's, when the two contradict each other") {
  const std::string out =
      "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: "
      "{istio.io/dataplane-mode: none}}\n";
  const auto in =
      translated(out + pod_yaml("a", "10.0.0.1", "labels: {istio.io/dataplane-mode: ambient}"));
  CHECK(in.mesh.pods.size() == 1);
  CHECK(in.problems.empty());
}

TEST_CASE("the other pods of mine are outside; of a namespace that is not known nobody can tell") {
  const auto plain = [](const std::string& text) { return translated(text).mesh.plain_pods; };
  const std::set<std::string> a = {"uid-a"};
  const std::string known = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
  CHECK(plain(known + pod_yaml("a", "10.0.0.1")) == a);
  CHECK(plain(pod_yaml("a", "10.0.0.1")).empty());
  CHECK(plain(pod_yaml("a", "10.0.0.1", "labels: {istio.io/dataplane-mode: none}")) == a);
  CHECK(plain(known + pod_yaml("a", "10.0.0.1", "labels: {}", "n2")).empty());
  CHECK(plain(ambient_namespace() + pod_yaml("a", "10.0.0.1")).empty());
}

TEST_CASE("a node that leaves has no pod in the mesh, and no policy holds for them") {
  const auto objects =
      read(ambient_namespace() + pod_yaml("a", "10.0.0.1") +
           pod_yaml("b", "10.0.0.2", kRedirected, "n2") +
           "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
           "metadata: {name: strict, namespace: shop}\nspec: {mtls: {mode: STRICT}}\n"
           "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n"
           "metadata: {name: nobody, namespace: shop}\nspec: {}\n");
  auto options = on_node("n1");
  const auto stays = translate(objects, options, {});
  REQUIRE(stays.mesh.pods.size() == 1);
  REQUIRE(stays.mesh.authorizations.size() == 2);
  REQUIRE_FALSE(listed_policies(pod(stays, "a")).empty());

  options.leaves = true;
  const auto leaves = translate(objects, options, {});
  CHECK(leaves.mesh.pods.empty());
  CHECK(leaves.mesh.plain_pods == std::set<std::string>{"uid-a"});
  CHECK(leaves.mesh.ambient_namespaces.empty());
  CHECK(leaves.mesh.authorizations.empty());
  CHECK(listed_policies(pod(leaves, "a")).empty());
  CHECK(pod(leaves, "b").tunnel_protocol() == wl::HBONE);
}

TEST_CASE("a namespace may be in the mesh by its own label or by that of a pod on any node") {
  const auto namespaces = [](const std::string& text) {
    return translated(text).mesh.ambient_namespaces;
  };
  const std::set<std::string> shop = {"shop"};
  CHECK(namespaces(ambient_namespace()) == shop);
  CHECK(namespaces(pod_yaml("a", "10.0.0.1")).empty());
  CHECK(namespaces(pod_yaml("a", "10.0.0.1", "labels: {istio.io/dataplane-mode: ambient}", "n2")) ==
        shop);
}

TEST_CASE("a pod of mine comes with its identity and addresses") {
  const auto translation =
      translated(ambient_namespace() + pod_yaml("b", "10.0.0.2") + pod_yaml("a", "fd00::1"));
  REQUIRE(translation.mesh.pods.size() == 2);
  const auto* a = translation.mesh.local_pod("uid-a");
  REQUIRE(a != nullptr);
  CHECK(a == &translation.mesh.pods[0]);
  CHECK(to_string(a->identity()) == "spiffe://cluster.local/ns/shop/sa/a-account");
  CHECK(a->ips == std::vector{*IpAddress::parse("fd00::1")});
  CHECK(translation.mesh.local_pod("uid-c") == nullptr);
}

TEST_CASE("a static pod has the uid that its node knows it by") {
  const auto translation =
      translated(ambient_namespace() +
                 pod_yaml("a", "10.0.0.1", "annotations: {kubernetes.io/config.mirror: 0f3a}"));
  REQUIRE(translation.mesh.pods.size() == 1);
  CHECK(translation.mesh.pods[0].uid == "0f3a");
}

TEST_CASE("a pod of the host network is never HBONE and says that it is one") {
  auto text = pod_yaml("a", "10.0.0.1", kRedirected);
  text.replace(text.find("nodeName"), 0, "hostNetwork: true\n  ");
  const auto a = pod(translated(text, {"uid-a"}), "a");
  CHECK(a.tunnel_protocol() == wl::NONE);
  CHECK(a.network_mode() == wl::HOST_NETWORK);
}

TEST_CASE("a pod that has finished or has no address is no workload") {
  auto finished = pod_yaml("a", "10.0.0.1");
  finished.replace(finished.find("Running"), 7, "Succeeded");
  CHECK(translated(finished).mesh.addresses.empty());
  const auto no_address =
      translated(ambient_namespace() +
                 "---\napiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop, uid: u}\n"
                 "spec: {nodeName: n1}\nstatus: {phase: Pending}\n");
  CHECK(no_address.mesh.addresses.empty());
  CHECK(no_address.mesh.pods.size() == 1);  // but the CNI plugin may ask for it already
}

TEST_CASE("a service becomes its hostname, addresses, ports and families") {
  const auto web = service(translated(R"(
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  clusterIPs: [10.96.0.1, "fd00:96::1"]
  ipFamilies: [IPv4, IPv6]
  ports:
  - {port: 80, targetPort: 8080}
  - {port: 81}
  - {port: 82, targetPort: web}
  - {port: 53, protocol: UDP}
)"),
                           "web");
  CHECK(web.name() == "web");
  CHECK(web.hostname() == "web.shop.svc.cluster.local");
  CHECK(web.addresses_size() == 2);
  CHECK(web.ip_families() == wl::DUAL);
  REQUIRE(web.ports_size() == 3);
  CHECK(web.ports(0).target_port() == 8080);
  CHECK(web.ports(1).target_port() == 81);
  CHECK(web.ports(2).target_port() == 0);
  CHECK_FALSE(web.has_waypoint());
}

TEST_CASE("a headless service has no address and an alias is no service") {
  CHECK(service(translated("apiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: "
                           "shop}\nspec: {clusterIP: None}"),
                "db")
            .addresses_size() == 0);
  CHECK(translated("apiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {type: "
                   "ExternalName, externalName: x}")
            .mesh.addresses.empty());
}

TEST_CASE("traffic policies become load balancing as istiod maps them") {
  using LB = wl::LoadBalancing;
  const auto balancing = [](const std::string& spec, const std::string& annotation = "x: y") {
    return service(translated("apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: "
                              "shop, annotations: {" +
                              annotation + "}}\nspec: {" + spec + "}"),
                   "web")
        .load_balancing();
  };
  const auto scopes = [](const LB& lb) {
    return std::vector<int>(lb.routing_preference().begin(), lb.routing_preference().end());
  };
  CHECK(balancing("clusterIP: 10.96.0.1").mode() == LB::UNSPECIFIED_MODE);
  const auto local = balancing("internalTrafficPolicy: Local");
  CHECK(local.mode() == LB::STRICT);
  CHECK(scopes(local) == std::vector<int>{LB::NODE});
  const std::vector<int> zone{LB::NETWORK, LB::REGION, LB::ZONE};
  CHECK(balancing("trafficDistribution: PreferClose").mode() == LB::FAILOVER);
  CHECK(scopes(balancing("trafficDistribution: PreferSameZone")) == zone);
  CHECK(scopes(balancing("clusterIP: 10.96.0.1",
                         "networking.istio.io/traffic-distribution: PreferClose")) == zone);
  CHECK(scopes(balancing("trafficDistribution: PreferSameNode")) ==
        std::vector<int>{LB::NETWORK, LB::REGION, LB::ZONE, LB::SUBZONE, LB::NODE});
  CHECK(balancing("publishNotReadyAddresses: true").health_policy() == LB::ALLOW_ALL);
}

TEST_CASE("versions change exactly with the content") {
  const auto text = ambient_namespace() + pod_yaml("a", "10.0.0.1") + pod_yaml("b", "10.0.0.2");
  const auto before = translated(text);
  CHECK(before.mesh == translated(text).mesh);
  const auto after = translated(text, {"uid-a"});
  const std::string a = "Kubernetes//Pod/shop/a";
  const std::string b = "Kubernetes//Pod/shop/b";
  CHECK(before.mesh.addresses.at(a).version != after.mesh.addresses.at(a).version);
  CHECK(before.mesh.addresses.at(b) == after.mesh.addresses.at(b));
}

TEST_CASE("a pod of many services has the same version in every translation") {
  auto text = pod_yaml("a", "10.0.0.1", "labels: {app: web}");
  for (int i = 0; i < 30; ++i) {
    text += fmt::format(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: s{}, namespace: shop}}\n"
        "spec: {{selector: {{app: web}}, ports: [{{port: 80}}]}}\n",
        i);
  }
  const auto first = translated(text);
  const auto second = translated(text);
  CHECK(pod(first, "a").services_size() == 30);
  CHECK(first.mesh == second.mesh);
}

TEST_CASE("trust domain, cluster and names follow the options") {
  const MeshOptions options{
      .node = "n1", .cluster_id = "east", .trust_domain = "td", .cluster_domain = "k8s.lan"};
  const auto translation = translate(read(ambient_namespace() + pod_yaml("a", "10.0.0.1") +
                                          "---\napiVersion: v1\nkind: Service\nmetadata: {name: "
                                          "web, namespace: shop}\nspec: {clusterIP: 10.96.0.1}\n"),
                                     options, {});
  CHECK(address(translation, "east//Pod/shop/a").workload().trust_domain() == "td");
  CHECK(address(translation, "shop/web.shop.svc.k8s.lan").service().hostname() ==
        "web.shop.svc.k8s.lan");
  CHECK(translation.mesh.pods.at(0).identity().trust_domain == "td");
}

}  // namespace
}  // namespace culvert::mesh
