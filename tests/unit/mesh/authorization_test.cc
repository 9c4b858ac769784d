// AuthorizationPolicy in Istio's words becomes L4, and fails closed where it can't.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/unit/mesh/shop.h"
#include "ztunnel/lib/policy/authorization.h"
#include "ztunnel/lib/policy/decode.h"

namespace culvert::mesh {
namespace {

std::string policy_yaml(const std::string& spec, const std::string& ns = "shop") {
  return "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, "
         "namespace: " +
         ns + "}\nspec: " + spec + "\n";
}

// What the node will enforce: through the translator, the wire and the strict decoder.
struct Enforced {
  policy::Authorization policy;
  std::vector<std::string> sentences;

  explicit Enforced(const std::string& spec) {
    auto file = read_yaml("p.yaml", policy_yaml(spec));
    sentences = culvert::mesh::sentences(file.problems);
    const auto translation = translate(file.objects, on_node("n1"), {});
    auto decoded =
        policy::decode_authorization(as_bytes(translation.mesh.authorizations.at("shop/p").value));
    REQUIRE(decoded.has_value());
    CHECK(decoded->problems.empty());  // the decoder must have nothing left to bend
    policy = std::move(decoded->policy);
  }
  // The peer is cluster.local/ns/front/sa/web at 10.0.0.9, asking for 10.0.0.1:`port`.
  bool matches(std::uint16_t port = 8080) const {
    return policy::matches(policy, {SpiffeId{"cluster.local", "front", "web"},
                                    *IpAddress::parse("10.0.0.9"),
                                    {*IpAddress::parse("10.0.0.1"), port}});
  }
  bool matches_plaintext() const {
    return policy::matches(policy, {std::nullopt, *IpAddress::parse("10.0.0.9"),
                                    *SocketAddress::parse("10.0.0.1:8080")});
  }
};

TEST_CASE("every L4 attribute of an ALLOW is carried over") {
  struct Row {
    const char* rule;
    bool matches;
  };
  const std::vector<Row> rows = {
      {"{from: [{source: {namespaces: [front]}}]}", true},
      {"{from: [{source: {namespaces: [back, fro*]}}]}", true},
      {"{from: [{source: {namespaces: ['*nt']}}]}", true},
      {"{from: [{source: {namespaces: ['*']}}]}", true},
      {"{from: [{source: {namespaces: [back]}}]}", false},
      {"{from: [{source: {notNamespaces: [front]}}]}", false},
      {"{from: [{source: {principals: [cluster.local/ns/front/sa/web]}}]}", true},
      {"{from: [{source: {notPrincipals: ['*']}}]}", false},
      {"{from: [{source: {serviceAccounts: [front/web]}}]}", true},
      {"{from: [{source: {serviceAccounts: [web]}}]}", false},  // of the policy's own namespace
      {"{from: [{source: {notServiceAccounts: [front/web]}}]}", false},
      {"{from: [{source: {ipBlocks: [10.0.0.0/24]}}]}", true},
      {"{from: [{source: {ipBlocks: [10.0.0.9]}}]}", true},
      {"{from: [{source: {ipBlocks: ['fd00::/8']}}]}", false},
      {"{from: [{source: {notIpBlocks: [10.0.0.9/32]}}]}", false},
      {"{to: [{operation: {ports: ['8080']}}]}", true},
      {"{to: [{operation: {ports: [80]}}]}", false},
      {"{to: [{operation: {notPorts: ['8080']}}]}", false},
      {"{when: [{key: source.ip, values: [10.0.0.0/8]}]}", true},
      {"{when: [{key: source.namespace, notValues: [front]}]}", false},
      {"{when: [{key: source.principal, values: ['*/sa/web']}]}", true},
      {"{when: [{key: source.serviceAccount, values: [front/web]}]}", true},
      {"{when: [{key: destination.ip, values: [10.0.0.1]}]}", true},
      {"{when: [{key: destination.port, values: ['80', '8080']}]}", true},
      {"{when: [{key: destination.port, values: ['8080'], notValues: ['8080']}]}", false},
      {"{from: [{source: {namespaces: [back]}}, {source: {namespaces: [front]}}]}", true},
      {"{from: [{source: {namespaces: [front]}}], to: [{operation: {ports: ['80']}}]}", false},
      {"{from: [{source: {namespaces: [front], notPrincipals: ['*']}}]}", false},
      {"{}", true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.rule);
    const Enforced enforced(fmt::format("{{rules: [{}]}}", row.rule));
    CHECK(enforced.sentences.empty());
    CHECK(enforced.policy.action == policy::Action::allow);
    CHECK(enforced.matches() == row.matches);
  }
}

TEST_CASE("an ALLOW without rules matches nobody") {
  for (const auto* spec : {"{}", "{rules: []}", "{action: ALLOW}"}) {
    const Enforced enforced(spec);
    CHECK(enforced.policy.action == policy::Action::allow);
    CHECK_FALSE(enforced.matches());
  }
}

TEST_CASE(
    "each part that can't be understood closes: ALLOW matches nothing, DENY all it could have, and "
    "both are told") {
  for (const auto* rule : {
           "{from: [{source: {ipBlocks: [10.0.0.0/99]}}]}",
           "{from: [{source: {namespaces: ['']}}]}",
           "{from: [{source: {principals: ['spiffe://cluster.local/ns/x/sa/y']}}]}",
           "{from: [{source: {serviceAccounts: [a/b/c]}}]}",
           "{from: [{source: {namespace: [back]}}]}",
           "{from: [{source: {namespaces: back}}]}",
           "{from: [{source: {}}]}",
           "{from: [{sources: {namespaces: [back]}}]}",
           "{from: []}",
           "{from: }",
           "{from: back}",
           "{to: [{operation: {ports: ['http']}}]}",
           "{to: [{operation: {ports: ['70000']}}]}",
           "{to: [{operation: {ports: []}}]}",
           "{when: [{key: source.ip}]}",
           "{when: [{key: source.ip, values: [here]}]}",
           "{when: [{key: source.ip, value: [10.0.0.1]}]}",
           "{wen: [{key: source.ip, values: [10.0.0.1]}]}",
           "7",
           // HTTP attributes, which only a waypoint could check:
           "{to: [{operation: {methods: [GET]}}]}",
           "{to: [{operation: {hosts: [x], ports: ['8080']}}]}",
           "{from: [{source: {requestPrincipals: ['*']}}]}",
           "{from: [{source: {remoteIpBlocks: [10.0.0.0/8]}}]}",
           "{when: [{key: 'request.headers[x]', values: [y]}]}",
       }) {
    CAPTURE(rule);
    const Enforced allow(fmt::format("{{action: ALLOW, rules: [{}]}}", rule));
    CHECK_FALSE(allow.matches());
    CHECK_FALSE(allow.matches_plaintext());
    REQUIRE(!allow.sentences.empty());
    CHECK(allow.sentences[0].starts_with("p.yaml: AuthorizationPolicy shop/p: rule 1: "));
    CHECK(allow.sentences[0].ends_with("correct it, until then this ALLOW rule matches nothing"));
    const Enforced deny(fmt::format("{{action: DENY, rules: [{}]}}", rule));
    CHECK(deny.policy.action == policy::Action::deny);
    CHECK(deny.matches());
    REQUIRE(!deny.sentences.empty());
    CHECK(
        deny.sentences[0].ends_with("until then this DENY rule matches everything it could have"));
  }
}

TEST_CASE(
    "a good rule beside a bad one stays in force, and what a bad DENY still says constrains it") {
  const Enforced allow(
      "{rules: [{from: [{source: {ipBlocks: [x]}}]}, {from: [{source: {namespaces: [front]}}]}]}");
  CHECK(allow.matches());
  CHECK_FALSE(allow.matches_plaintext());
  const Enforced deny(
      "{action: DENY, rules: [{from: [{source: {ipBlocks: [x]}}], to: [{operation: {ports: ['80'], "
      "methods: [GET]}}]}]}");
  CHECK(deny.matches(80));
  CHECK_FALSE(deny.matches(8080));
}

TEST_CASE("a bad entry in a negative list of a DENY leaves the good entries") {
  const Enforced deny("{action: DENY, rules: [{from: [{source: {notNamespaces: [front, '']}}]}]}");
  CHECK_FALSE(deny.matches());
  CHECK(deny.matches_plaintext());
}

TEST_CASE("a bad entry in a positive list of a DENY takes the whole list away") {
  CHECK(
      Enforced("{action: DENY, rules: [{from: [{source: {namespaces: [back, '']}}]}]}").matches());
}

TEST_CASE("an unknown action, an unknown field and rules that are no list deny everything") {
  for (const auto* spec :
       {"{action: BLOCK, rules: [{from: [{source: {namespaces: [back]}}]}]}", "{rule: [{}]}",
        "{rules: {}}", "{rules: all}", "{selector: {matchExpressions: [x]}, rules: [{}]}",
        "{selector: web, rules: [{}]}"}) {
    CAPTURE(spec);
    const Enforced enforced(spec);
    CHECK(enforced.policy.action == policy::Action::deny);
    CHECK(enforced.policy.scope == policy::PolicyScope::namespace_wide);
    CHECK(enforced.matches());
    CHECK(enforced.matches_plaintext());
    CHECK(enforced.sentences.size() == 1);
  }
}

TEST_CASE("AUDIT, CUSTOM and policies for waypoints are not sent, and that is told") {
  for (const auto* spec :
       {"{action: AUDIT, rules: [{}]}", "{action: CUSTOM, provider: {name: x}, rules: [{}]}",
        "{action: DENY, targetRefs: [{kind: Gateway, name: wp}], rules: [{}]}"}) {
    const auto file = read_yaml("p.yaml", policy_yaml(spec));
    CHECK(file.problems.size() == 1);
    CHECK(translate(file.objects, on_node("n1"), {}).mesh.authorizations.empty());
  }
}

TEST_CASE("the scope follows the namespace and the selector") {
  const auto scope = [](const std::string& spec, const std::string& ns) {
    return policy(translated(policy_yaml(spec, ns)), ns + "/p").scope();
  };
  CHECK(scope("{rules: [{}]}", "shop") == sec::NAMESPACE);
  CHECK(scope("{rules: [{}]}", "istio-system") == sec::GLOBAL);
  CHECK(scope("{selector: {matchLabels: {app: web}}, rules: [{}]}", "shop") ==
        sec::WORKLOAD_SELECTOR);
  CHECK(scope("{selector: {matchLabels: {app: web}}, rules: [{}]}", "istio-system") ==
        sec::WORKLOAD_SELECTOR);
  CHECK(scope("{selector: {}, rules: [{}]}", "shop") == sec::NAMESPACE);
}

TEST_CASE(
    "selecting policies of the pod's namespace and of the root namespace are listed on the pod") {
  const std::string spec = "{selector: {matchLabels: {app: web}}, rules: [{}]}";
  const auto translation =
      translated(pod_yaml("a", "10.0.0.1", "labels: {app: web, v: '1'}") +
                 pod_yaml("b", "10.0.0.2") + "---\n" + policy_yaml(spec) + "---\n" +
                 policy_yaml(spec, "istio-system") + "---\n" + policy_yaml(spec, "elsewhere"));
  CHECK(listed_policies(pod(translation, "a")) ==
        std::vector<std::string>{"istio-system/p", "shop/p"});
  CHECK(listed_policies(pod(translation, "b")).empty());
}

TEST_CASE("a dry run is sent as one") {
  const auto translation = translated(
      "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: "
      "shop, annotations: "
      "{istio.io/dry-run: 'true'}}\nspec: {action: DENY, rules: [{}]}");
  CHECK(policy(translation, "shop/p").dry_run());
}

}  // namespace
}  // namespace culvert::mesh
