// Who may connect to whom, as tables (wire-facts §2.6).
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/policy/authorize.h"

#include <doctest/doctest.h>

#include <functional>

#include "tests/unit/policy/small_mesh.h"

namespace culvert::policy {
namespace {

// The peer of every row: cluster.local/ns/front/sa/web at 10.0.0.9, to 10.0.0.1:8080.
ConnectionContext by_mtls() {
  return {SpiffeId{"cluster.local", "front", "web"}, ip("10.0.0.9"), at("10.0.0.1:8080")};
}
ConnectionContext by_plaintext() {
  return {std::nullopt, ip("10.0.0.9"), at("10.0.0.1:8080")};
}

sec::StringMatch exact(const std::string& text) {
  sec::StringMatch match;
  match.set_exact(text);
  return match;
}
sec::StringMatch prefix(const std::string& text) {
  sec::StringMatch match;
  match.set_prefix(text);
  return match;
}
sec::StringMatch suffix(const std::string& text) {
  sec::StringMatch match;
  match.set_suffix(text);
  return match;
}
sec::StringMatch presence() {
  sec::StringMatch match;
  match.mutable_presence();
  return match;
}
sec::ServiceAccountMatch account(const std::string& ns, const std::string& name) {
  sec::ServiceAccountMatch match;
  match.set_namespace_(ns);
  match.set_service_account(name);
  return match;
}
sec::Address block(const std::string& address, std::uint32_t length) {
  sec::Address match;
  match.set_address(octets(address));
  match.set_length(length);
  return match;
}

sec::Authorization policy(const std::string& name, sec::Action action) {
  sec::Authorization result;
  result.set_name(name);
  result.set_namespace_("shop");
  result.set_scope(sec::NAMESPACE);
  result.set_action(action);
  return result;
}

// An ALLOW policy with one match, asked about one connection.
bool allowed(const std::function<void(sec::Match&)>& fill, const ConnectionContext& connection) {
  SmallMesh mesh;
  mesh.put(pod("a", "10.0.0.1"));
  auto allow = policy("only", sec::ALLOW);
  fill(*allow.add_rules()->add_clauses()->add_matches());
  REQUIRE(mesh.put(allow).empty());
  return authorize(*mesh.snapshot(), *mesh.get("a"), connection).allow;
}

TEST_CASE("each field matches as the table says, with an identity and without one") {
  using M = sec::Match;
  struct Row {
    const char* what;
    std::function<void(M&)> fill;
    bool mtls;
    bool plaintext;
  };
  const std::vector<Row> rows = {
      {"namespace exact", [](M& m) { *m.add_namespaces() = exact("front"); }, true, false},
      {"namespace other", [](M& m) { *m.add_namespaces() = exact("fron"); }, false, false},
      {"namespace prefix", [](M& m) { *m.add_namespaces() = prefix("fr"); }, true, false},
      {"namespace suffix", [](M& m) { *m.add_namespaces() = suffix("nt"); }, true, false},
      {"namespace suffix other", [](M& m) { *m.add_namespaces() = suffix("fr"); }, false, false},
      {"namespace presence", [](M& m) { *m.add_namespaces() = presence(); }, true, false},
      {"any of two namespaces",
       [](M& m) { *m.add_namespaces() = exact("x"), *m.add_namespaces() = exact("front"); }, true,
       false},
      {"not namespace", [](M& m) { *m.add_not_namespaces() = exact("front"); }, false, true},
      {"not other namespace", [](M& m) { *m.add_not_namespaces() = exact("back"); }, true, true},
      {"principal exact",
       [](M& m) { *m.add_principals() = exact("cluster.local/ns/front/sa/web"); }, true, false},
      {"principal with the scheme",
       [](M& m) { *m.add_principals() = exact("spiffe://cluster.local/ns/front/sa/web"); }, false,
       false},
      {"principal prefix", [](M& m) { *m.add_principals() = prefix("cluster.local/ns/front/"); },
       true, false},
      {"principal suffix", [](M& m) { *m.add_principals() = suffix("/sa/web"); }, true, false},
      {"principal presence", [](M& m) { *m.add_principals() = presence(); }, true, false},
      {"not principal presence is exactly plaintext",
       [](M& m) { *m.add_not_principals() = presence(); }, false, true},
      {"account", [](M& m) { *m.add_service_accounts() = account("front", "web"); }, true, false},
      {"account of another namespace",
       [](M& m) { *m.add_service_accounts() = account("back", "web"); }, false, false},
      {"not account", [](M& m) { *m.add_not_service_accounts() = account("front", "web"); }, false,
       true},
      {"source block", [](M& m) { *m.add_source_ips() = block("10.0.0.0", 24); }, true, true},
      {"source outside", [](M& m) { *m.add_source_ips() = block("10.0.1.0", 24); }, false, false},
      {"source of the other family", [](M& m) { *m.add_source_ips() = block("::", 0); }, false,
       false},
      {"not source", [](M& m) { *m.add_not_source_ips() = block("10.0.0.9", 32); }, false, false},
      {"destination", [](M& m) { *m.add_destination_ips() = block("10.0.0.1", 32); }, true, true},
      {"not destination", [](M& m) { *m.add_not_destination_ips() = block("10.0.0.0", 8); }, false,
       false},
      {"port", [](M& m) { m.add_destination_ports(8080); }, true, true},
      {"other port", [](M& m) { m.add_destination_ports(80); }, false, false},
      {"not port", [](M& m) { m.add_not_destination_ports(8080); }, false, false},
      {"not other port", [](M& m) { m.add_not_destination_ports(80); }, true, true},
      {"fields are ANDed",
       [](M& m) { *m.add_namespaces() = exact("front"), m.add_destination_ports(80); }, false,
       false},
      {"positive and negative are ANDed",
       [](M& m) { *m.add_namespaces() = prefix("f"), *m.add_not_namespaces() = exact("front"); },
       false, false},
      {"a match without any list matches nothing", [](M&) {}, false, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    CHECK(allowed(row.fill, by_mtls()) == row.mtls);
    CHECK(allowed(row.fill, by_plaintext()) == row.plaintext);
  }
}

TEST_CASE("without a policy everything is allowed") {
  SmallMesh mesh;
  mesh.put(pod("a", "10.0.0.1"));
  CHECK(authorize(*mesh.snapshot(), *mesh.get("a"), by_plaintext()).allow);
}

TEST_CASE("an ALLOW policy without rules denies all and a DENY without rules nothing") {
  SmallMesh mesh;
  mesh.put(pod("a", "10.0.0.1"));
  mesh.put(policy("nothing", sec::DENY));
  CHECK(authorize(*mesh.snapshot(), *mesh.get("a"), by_mtls()).allow);
  mesh.put(policy("nobody", sec::ALLOW));
  const auto verdict = authorize(*mesh.snapshot(), *mesh.get("a"), by_mtls());
  CHECK_FALSE(verdict.allow);
  CHECK(verdict.policy == "");
  CHECK(verdict.reason == "allow policies exist, but none allowed");
}

TEST_CASE("a rule without clauses and a clause without matches match everything") {
  SmallMesh mesh;
  mesh.put(pod("a", "10.0.0.1"));
  auto open = policy("open", sec::ALLOW);
  SUBCASE("rule") {
    open.add_rules();
  }
  SUBCASE("clause") {
    open.add_rules()->add_clauses();
  }
  mesh.put(open);
  const auto verdict = authorize(*mesh.snapshot(), *mesh.get("a"), by_plaintext());
  CHECK(verdict.allow);
  CHECK(verdict.policy == "shop/open");
}

TEST_CASE("rules are ORed, clauses ANDed, matches ORed") {
  SmallMesh mesh;
  mesh.put(pod("a", "10.0.0.1"));
  auto allow = policy("p", sec::ALLOW);
  auto& rule = *allow.add_rules();
  rule.add_clauses()->add_matches()->add_destination_ports(8080);
  auto& second = *rule.add_clauses();
  *second.add_matches()->add_namespaces() = exact("back");
  mesh.put(allow);
  CHECK_FALSE(authorize(*mesh.snapshot(), *mesh.get("a"), by_mtls()).allow);  // one clause of two
  *second.add_matches()->add_namespaces() = exact("front");
  mesh.put(allow);
  CHECK(authorize(*mesh.snapshot(), *mesh.get("a"), by_mtls()).allow);  // one match of two
  allow.mutable_rules(0)->mutable_clauses(0)->mutable_matches(0)->set_destination_ports(0, 80);
  allow.add_rules();
  mesh.put(allow);
  CHECK(authorize(*mesh.snapshot(), *mesh.get("a"), by_mtls()).allow);  // one rule of two
}

TEST_CASE("a DENY that matches wins over any ALLOW and is named") {
  SmallMesh mesh;
  mesh.put(pod("a", "10.0.0.1"));
  auto allow = policy("open", sec::ALLOW);
  allow.add_rules();
  mesh.put(allow);
  auto deny = policy("shut", sec::DENY);
  *deny.add_rules()->add_clauses()->add_matches()->add_namespaces() = exact("front");
  mesh.put(deny);
  const auto verdict = authorize(*mesh.snapshot(), *mesh.get("a"), by_mtls());
  CHECK_FALSE(verdict.allow);
  CHECK(verdict.policy == "shop/shut");
  CHECK(verdict.reason == "explicitly denied by: shop/shut");
  CHECK(authorize(*mesh.snapshot(), *mesh.get("a"), by_plaintext()).allow);
}

TEST_CASE("a dry run never decides, neither as DENY nor as the only ALLOW") {
  SmallMesh mesh;
  mesh.put(pod("a", "10.0.0.1"));
  auto deny = policy("shut", sec::DENY);
  deny.add_rules();
  deny.set_dry_run(true);
  mesh.put(deny);
  auto allow = policy("nobody", sec::ALLOW);
  allow.set_dry_run(true);
  mesh.put(allow);
  CHECK(authorize(*mesh.snapshot(), *mesh.get("a"), by_mtls()).allow);
}

TEST_CASE("a policy applies by its scope: mesh, namespace, or the workloads that list it") {
  SmallMesh mesh;
  mesh.put(pod("a", "10.0.0.1"));
  auto deny = policy("shut", sec::DENY);
  deny.add_rules();
  const auto is_allowed = [&] {
    return authorize(*mesh.snapshot(), *mesh.get("a"), by_mtls()).allow;
  };
  SUBCASE("of its namespace") {
    mesh.put(deny);
    CHECK_FALSE(is_allowed());
    mesh.remove_policy("shop/shut");
    CHECK(is_allowed());
  }
  SUBCASE("not of another") {
    deny.set_namespace_("elsewhere");
    mesh.put(deny);
    CHECK(is_allowed());
  }
  SUBCASE("global, from any namespace") {
    deny.set_namespace_("istio-system");
    deny.set_scope(sec::GLOBAL);
    mesh.put(deny);
    CHECK_FALSE(is_allowed());
  }
  SUBCASE("by selector only where it is listed, whatever comes first") {
    deny.set_scope(sec::WORKLOAD_SELECTOR);
    mesh.put(deny);
    CHECK(is_allowed());
    auto selected = pod("a", "10.0.0.1");
    selected.add_authorization_policies("shop/shut");
    selected.add_authorization_policies("shop/unknown");
    mesh.put(selected);
    CHECK_FALSE(is_allowed());
    mesh.remove_policy("shop/shut");
    CHECK(is_allowed());
  }
}

TEST_CASE("strict peer authentication denies plaintext and nothing else, but for excepted ports") {
  SmallMesh mesh;
  auto a = pod("a", "10.0.0.1");
  a.add_authorization_policies("istio-system/istio_converted_static_strict");
  mesh.put(a);
  auto strict = policy("istio_converted_static_strict", sec::DENY);
  strict.set_namespace_("istio-system");
  strict.set_scope(sec::WORKLOAD_SELECTOR);
  auto& rule = *strict.add_rules();
  *rule.add_clauses()->add_matches()->add_not_principals() = presence();
  mesh.put(strict);
  CHECK_FALSE(authorize(*mesh.snapshot(), *mesh.get("a"), by_plaintext()).allow);
  CHECK(authorize(*mesh.snapshot(), *mesh.get("a"), by_mtls()).allow);
  rule.add_clauses()->add_matches()->add_not_destination_ports(8080);
  mesh.put(strict);
  CHECK(authorize(*mesh.snapshot(), *mesh.get("a"), by_plaintext()).allow);
}

}  // namespace
}  // namespace culvert::policy
