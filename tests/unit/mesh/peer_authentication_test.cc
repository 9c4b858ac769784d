// PeerAuthentication reaches the node as DENY policies for plaintext (wire-facts §2.6).
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/unit/mesh/shop.h"
#include "ztunnel/lib/policy/authorize.h"
#include "ztunnel/lib/policy/store.h"

namespace culvert::mesh {
namespace {

const std::string kStatic = "istio-system/istio_converted_static_strict";

std::string peer_yaml(const std::string& name, const std::string& ns, const std::string& spec,
                      const std::string& created = "2026-01-01T00:00:00Z") {
  return fmt::format(
      "---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {{name: {}, "
      "namespace: {}, "
      "creationTimestamp: '{}'}}\nspec: {}\n",
      name, ns, created, spec);
}

std::string strict(const std::string& ns) {
  return peer_yaml("default", ns, "{mtls: {mode: STRICT}}");
}

// takes_plaintext is what the node decides about a plaintext connection to pod a at `port`.
bool takes_plaintext(const std::string& peers, std::uint16_t port) {
  const auto file = read_yaml("p.yaml", pod_yaml("a", "10.0.0.1", "labels: {app: web}") + peers);
  const auto translation = translate(file.objects, on_node("n1"), {});
  policy::Store store;
  const auto load = [](const Resources& resources) {
    std::vector<policy::ResourceBytes> bytes;
    for (const auto& [name, resource] : resources) {
      bytes.push_back({name, as_bytes(resource.value)});
    }
    return bytes;
  };
  CHECK(store.apply_addresses(load(translation.mesh.addresses), {}).empty());
  CHECK(store.apply_authorizations(load(translation.mesh.authorizations), {}).empty());
  const auto snapshot = store.snapshot();
  const auto pod = snapshot->workload("Kubernetes//Pod/shop/a");
  REQUIRE(pod != nullptr);
  policy::ConnectionContext by_mtls{
      SpiffeId{"cluster.local", "x", "y"}, {}, {pod->addresses[0], port}};
  CHECK(policy::authorize(*snapshot, *pod, by_mtls).allow);  // a peer with an identity always may
  return policy::authorize(*snapshot, *pod, {std::nullopt, {}, {pod->addresses[0], port}}).allow;
}

TEST_CASE(
    "the mode is taken from the pod's policy, then its namespace's, then the mesh's, then "
    "PERMISSIVE") {
  const std::string own = "{selector: {matchLabels: {app: web}}, ";
  const auto permissive = [](const std::string& ns) {
    return peer_yaml("default", ns, "{mtls: {mode: PERMISSIVE}}");
  };
  const auto unset = [](const std::string& ns) {
    return peer_yaml("default", ns, "{mtls: {mode: UNSET}}");
  };
  struct Row {
    std::string peers;
    bool plaintext;
  };
  const std::vector<Row> rows = {
      {"", true},
      {strict("istio-system"), false},
      {strict("shop"), false},
      {strict("elsewhere"), true},
      {strict("istio-system") + permissive("shop"), true},
      {strict("istio-system") + unset("shop"), false},
      {permissive("istio-system") + strict("shop"), false},
      {strict("shop") + peer_yaml("a", "shop", own + "mtls: {mode: PERMISSIVE}}"), true},
      {strict("shop") + peer_yaml("a", "shop", own + "mtls: {mode: DISABLE}}"), true},
      {strict("shop") + peer_yaml("a", "shop", own + "mtls: {mode: UNSET}}"), false},
      {strict("shop") +
           peer_yaml("a", "shop", "{selector: {matchLabels: {app: db}}, mtls: {mode: PERMISSIVE}}"),
       false},
      {permissive("shop") + peer_yaml("a", "shop", own + "mtls: {mode: STRICT}}"), false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.peers);
    CHECK(takes_plaintext(row.peers, 8080) == row.plaintext);
  }
}

TEST_CASE("ports may differ from the rest, both ways, whatever the rest comes from") {
  const std::string own = "{selector: {matchLabels: {app: web}}, ";
  struct Row {
    std::string peers;
    bool port_8080;
    bool port_9090;
  };
  const std::vector<Row> rows = {
      {peer_yaml("a", "shop",
                 own + "mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: PERMISSIVE}}}"),
       true, false},
      {peer_yaml("a", "shop",
                 own + "mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: DISABLE}}}"),
       true, false},
      {peer_yaml("a", "shop",
                 own + "mtls: {mode: PERMISSIVE}, portLevelMtls: {8080: {mode: STRICT}}}"),
       false, true},
      {peer_yaml("a", "shop", own + "portLevelMtls: {8080: {mode: STRICT}, 9090: {mode: STRICT}}}"),
       false, false},
      {strict("istio-system") +
           peer_yaml("a", "shop", own + "portLevelMtls: {8080: {mode: PERMISSIVE}}}"),
       true, false},
      {strict("shop") + peer_yaml("a", "shop", own + "portLevelMtls: {8080: {mode: UNSET}}}"),
       false, false},
      {peer_yaml("a", "shop", own + "mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: STRICT}}}"),
       false, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.peers);
    CHECK(takes_plaintext(row.peers, 8080) == row.port_8080);
    CHECK(takes_plaintext(row.peers, 9090) == row.port_9090);
  }
}

TEST_CASE("of two for the same place the older one counts") {
  const auto younger = peer_yaml("a", "shop", "{mtls: {mode: STRICT}}", "2026-02-01T00:00:00Z");
  const auto older = peer_yaml("b", "shop", "{mtls: {mode: PERMISSIVE}}", "2026-01-01T00:00:00Z");
  CHECK(takes_plaintext(younger + older, 8080));
}

TEST_CASE("what can't be understood counts as STRICT") {
  const std::string own = "{selector: {matchLabels: {app: web}}, ";
  CHECK_FALSE(takes_plaintext(peer_yaml("a", "shop", "{mtls: {mode: STRIC}}"), 8080));
  CHECK_FALSE(takes_plaintext(peer_yaml("a", "shop", "{mtls: STRICT}"), 8080));
  CHECK_FALSE(takes_plaintext(
      peer_yaml("a", "shop", "{selector: {matchExpressions: []}, mtls: {mode: PERMISSIVE}}"),
      8080));
  CHECK_FALSE(takes_plaintext(peer_yaml("a", "shop", "{tls: {mode: PERMISSIVE}}"), 8080));
  CHECK_FALSE(takes_plaintext(peer_yaml("a", "istio-system", "{tls: {mode: PERMISSIVE}}"), 8080));
  CHECK_FALSE(takes_plaintext(
      peer_yaml("a", "shop", own + "portLevelMtls: {http: {mode: PERMISSIVE}}}"), 8080));
  CHECK_FALSE(
      takes_plaintext(peer_yaml("a", "shop", own + "portLevelMtls: {8080: {mode: off}}}"), 8080));
  const auto file = read_yaml("p.yaml", peer_yaml("a", "shop", "{mtls: {mode: STRIC}}"));
  CHECK(
      sentences(file.problems) ==
      std::vector<std::string>{
          "p.yaml: PeerAuthentication shop/a: spec.mtls.mode \"STRIC\" is not known; write STRICT, "
          "PERMISSIVE or DISABLE, until then it counts as STRICT"});
}

TEST_CASE("the policies have istiod's names and forms") {
  const auto none = translated(pod_yaml("a", "10.0.0.1"));
  CHECK(none.mesh.authorizations.empty());
  const auto translation = translated(
      pod_yaml("a", "10.0.0.1", "labels: {app: web}") + pod_yaml("b", "10.0.0.2") + strict("shop") +
      peer_yaml(
          "web", "shop",
          "{selector: {matchLabels: {app: web}}, portLevelMtls: {8080: {mode: PERMISSIVE}}}"));
  CHECK(listed_policies(pod(translation, "a")) ==
        std::vector<std::string>{"shop/converted_peer_authentication_web"});
  CHECK(listed_policies(pod(translation, "b")) == std::vector{kStatic});
  CHECK(translation.mesh.authorizations.size() == 2);
  const auto all = policy(translation, kStatic);
  CHECK(all.action() == sec::DENY);
  CHECK(all.scope() == sec::WORKLOAD_SELECTOR);
  REQUIRE(all.rules_size() == 1);
  REQUIRE(all.rules(0).clauses_size() == 1);
  CHECK(all.rules(0).clauses(0).matches(0).not_principals(0).has_presence());
  const auto converted = policy(translation, "shop/converted_peer_authentication_web");
  REQUIRE(converted.rules(0).clauses_size() == 2);
  CHECK(converted.rules(0).clauses(1).matches(0).not_destination_ports(0) == 8080);
}

}  // namespace
}  // namespace culvert::mesh
