// A policy that can't be understood fails closed.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <functional>

#include "tests/unit/policy/small_mesh.h"
#include "ztunnel/lib/policy/authorize.h"
#include "ztunnel/lib/policy/decode.h"

namespace culvert::policy {
namespace {

ConnectionContext connection() {
  return {SpiffeId{"cluster.local", "front", "web"}, ip("10.0.0.9"), at("10.0.0.1:8080")};
}

sec::Authorization policy(sec::Action action) {
  sec::Authorization result;
  result.set_name("p");
  result.set_namespace_("shop");
  result.set_scope(sec::NAMESPACE);
  result.set_action(action);
  return result;
}

DecodedAuthorization decode(const sec::Authorization& message) {
  auto result = decode_authorization(as_bytes(message.SerializeAsString()));
  REQUIRE(result.has_value());
  return std::move(*result);
}

// append_unknown adds a field that no version of ours knows, as a newer control plane would.
template <class Message>
void append_unknown(Message& message) {
  const std::string field("\xa2\x06\x01x", 4);  // field 100, length-delimited, "x"
  REQUIRE(message.MergeFromString(field));
}

// append_mistyped adds a field of ours as a number, where it has a length in front.
template <class Message>
void append_mistyped(Message& message, int field) {
  const std::string bytes{static_cast<char>(field << 3), 1};
  REQUIRE(message.MergeFromString(bytes));
}

TEST_CASE(
    "each undecodable part makes an ALLOW match nothing and a DENY everything it could have") {
  using M = sec::Match;
  struct Row {
    const char* what;
    std::function<void(M&)> fill;
  };
  const std::vector<Row> rows = {
      {"a string match of no kind", [](M& m) { m.add_namespaces(); }},
      {"a principal of no kind", [](M& m) { m.add_principals(); }},
      {"an unknown kind of string match", [](M& m) { append_unknown(*m.add_namespaces()); }},
      {"a block of 3 bytes", [](M& m) { m.add_source_ips()->set_address("abc"); }},
      {"a block that is too long",
       [](M& m) {
         m.add_source_ips()->set_address(octets("10.0.0.0"));
         m.mutable_source_ips(0)->set_length(33);
       }},
      {"a port over 65535", [](M& m) { m.add_destination_ports(65536 + 80); }},
      {"port 0", [](M& m) { m.add_destination_ports(0); }},
      {"an account without a name", [](M& m) { m.add_service_accounts()->set_namespace_("x"); }},
      {"an unknown field of a match", [](M& m) { append_unknown(m); }},
      {"a field of a match in another wire type", [](M& m) { append_mistyped(m, 11); }},
      {"an unknown field beside a string match's own",
       [](M& m) {
         m.add_namespaces()->set_exact("front");
         append_unknown(*m.mutable_namespaces(0));
       }},
      {"an unknown field of an account",
       [](M& m) {
         m.add_service_accounts()->set_namespace_("front");
         m.mutable_service_accounts(0)->set_service_account("web");
         append_unknown(*m.mutable_service_accounts(0));
       }},
      {"an unknown field of a block",
       [](M& m) {
         m.add_source_ips()->set_address(octets("10.0.0.0"));
         append_unknown(*m.mutable_source_ips(0));
       }},
      {"a name in another wire type beside a block",
       [](M& m) {
         m.add_source_ips()->set_address(octets("10.0.0.0"));
         append_mistyped(*m.mutable_source_ips(0), 1);
       }},
      {"a bad entry beside a good one that does not match",
       [](M& m) {
         m.add_namespaces()->set_exact("elsewhere");
         m.add_namespaces();
       }},
      {"a bad negative entry", [](M& m) { m.add_not_namespaces(); }},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    auto message = policy(sec::ALLOW);
    row.fill(*message.add_rules()->add_clauses()->add_matches());
    auto allow = decode(message);
    CHECK_FALSE(matches(allow.policy, connection()));
    CHECK(allow.problems.size() == 1);
    message.set_action(sec::DENY);
    auto deny = decode(message);
    CHECK(matches(deny.policy, connection()));
    CHECK(deny.problems.size() == 1);
  }
}

TEST_CASE("what a DENY could still decode goes on to constrain it") {
  auto message = policy(sec::DENY);
  auto& match = *message.add_rules()->add_clauses()->add_matches();
  match.add_namespaces();  // undecodable
  match.add_destination_ports(80);
  CHECK_FALSE(
      matches(decode(message).policy, connection()));  // port 8080 it could not have matched
  match.set_destination_ports(0, 8080);
  CHECK(matches(decode(message).policy, connection()));
  match.add_not_source_ips()->set_address(octets("10.0.0.9"));
  match.mutable_not_source_ips(0)->set_length(32);
  CHECK_FALSE(matches(decode(message).policy, connection()));
}

TEST_CASE("a good rule of an ALLOW stays in force beside a bad one") {
  auto message = policy(sec::ALLOW);
  message.add_rules()->add_clauses()->add_matches()->add_namespaces();
  message.add_rules()->add_clauses()->add_matches()->add_namespaces()->set_exact("front");
  const auto decoded = decode(message);
  CHECK(matches(decoded.policy, connection()));
  CHECK(decoded.problems ==
        std::vector<std::string>{"rule 1: a string match is of no kind that is known here; "
                                 "it matches nothing"});
}

TEST_CASE("an unknown field of a rule or a clause fails closed as well") {
  for (const bool in_clause : {false, true}) {
    for (const auto action : {sec::ALLOW, sec::DENY}) {
      auto message = policy(action);
      auto& rule = *message.add_rules();
      auto& clause = *rule.add_clauses();
      clause.add_matches()->add_namespaces()->set_exact(in_clause ? "elsewhere" : "front");
      if (in_clause) {
        append_unknown(clause);
      } else {
        append_unknown(rule);
      }
      CHECK(matches(decode(message).policy, connection()) == (action == sec::DENY));
    }
  }
}

TEST_CASE("an unknown action denies everything and an unknown scope covers the namespace") {
  auto message = policy(static_cast<sec::Action>(7));
  message.set_scope(static_cast<sec::Scope>(9));
  const auto decoded = decode(message);
  CHECK(decoded.policy.action == Action::deny);
  CHECK(decoded.policy.scope == PolicyScope::namespace_wide);
  CHECK(matches(decoded.policy, connection()));
  CHECK(decoded.problems.size() == 2);
}

TEST_CASE("extensions are ignored, as ztunnel does") {
  auto message = policy(sec::ALLOW);
  auto& match = *message.add_rules()->add_clauses()->add_matches();
  match.add_namespaces()->set_exact("front");
  match.add_extensions()->set_name("x");
  const auto decoded = decode(message);
  CHECK(matches(decoded.policy, connection()));
  CHECK(decoded.problems.empty());
}

TEST_CASE("bytes that are no policy are an error, and deny where the name is listed") {
  CHECK(decode_authorization(as_bytes("\xff\xff\xff")).error().code == Errc::protocol);
  CHECK(decode_authorization({}).error().code == Errc::protocol);
  SmallMesh mesh;
  auto a = pod("a", "10.0.0.1");
  a.add_authorization_policies("shop/p");
  mesh.put(a);
  mesh.put(pod("b", "10.0.0.2"));
  const auto problems = mesh.put_policy_bytes("shop/p", "\xff\xff\xff");
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].rejected);
  CHECK_FALSE(authorize(*mesh.snapshot(), *mesh.get("a"), connection()).allow);
  CHECK(authorize(*mesh.snapshot(), *mesh.get("b"), connection()).allow);
}

TEST_CASE("a policy that becomes unreadable leaves its former version in force") {
  SmallMesh mesh;
  mesh.put(pod("a", "10.0.0.1"));
  auto allow = policy(sec::ALLOW);
  allow.add_rules()->add_clauses()->add_matches()->add_namespaces()->set_exact("front");
  mesh.put(allow);
  CHECK(mesh.put_policy_bytes("shop/p", "\xff\xff\xff").size() == 1);
  CHECK(authorize(*mesh.snapshot(), *mesh.get("a"), connection()).allow);
  auto other = connection();
  other.peer->ns = "back";
  CHECK_FALSE(authorize(*mesh.snapshot(), *mesh.get("a"), other).allow);
}

TEST_CASE("a resource over the limit is refused") {
  const std::string large(kResourceBytesMax + 1, 'x');
  CHECK(decode_authorization(as_bytes(large)).error().code == Errc::limit);
  CHECK(decode_address(as_bytes(large)).error().code == Errc::limit);
}

}  // namespace
}  // namespace culvert::policy
