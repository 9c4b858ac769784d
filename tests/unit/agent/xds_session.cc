// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/xds_session.h"

#include <doctest/doctest.h>

#include "ztunnel/lib/control/xds_client.h"

namespace culvert::mesh {

namespace {

DeltaRequest subscription(const char* type) {
  DeltaRequest request;
  request.mutable_node()->set_id("ztunnel~east");
  request.set_type_url(type);
  return request;
}

DeltaRequest answer_to(const DeltaResponse& response) {
  DeltaRequest request;
  request.set_type_url(response.type_url());
  request.set_response_nonce(response.nonce());
  return request;
}

DesiredMesh mesh_of(const Resources& addresses, const Resources& authorizations = {}) {
  return {.addresses = addresses, .authorizations = authorizations, .pods = {}};
}

// What is due; an empty message, without a nonce, if nothing is.
DeltaResponse due(XdsSession& session, const DesiredMesh& mesh, std::uint64_t generation) {
  return session.next(mesh, generation).value_or(DeltaResponse());
}

// A session that has subscribed to both types and has what `mesh` holds.
XdsSession synced_with(const DesiredMesh& mesh) {
  XdsSession session;
  REQUIRE(session.take(subscription(control::kAddressType)));
  REQUIRE(session.take(subscription(control::kAuthorizationType)));
  while (const auto response = session.next(mesh, 1)) {
    CHECK_FALSE(session.is_up_to_date(1));
    REQUIRE(session.take(answer_to(*response)));
  }
  CHECK(session.is_up_to_date(1));
  CHECK_FALSE(session.is_up_to_date(2));
  return session;
}

}  // namespace

TEST_CASE("the first response of a type goes out even if it is empty: the client waits for it") {
  XdsSession session;
  const DesiredMesh empty;
  CHECK(!session.next(empty, 1));
  REQUIRE(session.take(subscription(control::kAuthorizationType)));
  const auto response = due(session, empty, 1);
  REQUIRE(!response.nonce().empty());
  CHECK(response.type_url() == control::kAuthorizationType);
  CHECK(response.resources().empty());
  CHECK(!session.next(empty, 1));
}

TEST_CASE("addresses go before authorizations") {
  XdsSession session;
  REQUIRE(session.take(subscription(control::kAuthorizationType)));
  REQUIRE(session.take(subscription(control::kAddressType)));
  const auto mesh = mesh_of({{"a", {"bytes", "1"}}}, {{"p", {"bytes", "1"}}});
  CHECK(due(session, mesh, 1).type_url() == control::kAddressType);
  CHECK(due(session, mesh, 1).type_url() == control::kAuthorizationType);
  CHECK(!session.next(mesh, 1));
}

TEST_CASE("a change brings only what has changed and what is gone") {
  auto session = synced_with(mesh_of({{"a", {"x", "1"}}, {"b", {"y", "1"}}, {"c", {"z", "1"}}}));
  const auto changed = mesh_of({{"a", {"x", "1"}}, {"b", {"yy", "2"}}, {"d", {"w", "1"}}});
  const auto response = due(session, changed, 2);
  REQUIRE(!response.nonce().empty());
  REQUIRE(response.resources_size() == 2);
  CHECK(response.resources(0).name() == "b");
  CHECK(response.resources(0).version() == "2");
  CHECK(response.resources(0).resource().value() == "yy");
  CHECK(response.resources(0).resource().type_url() == control::kAddressType);
  CHECK(response.resources(1).name() == "d");
  REQUIRE(response.removed_resources_size() == 1);
  CHECK(response.removed_resources(0) == "c");
}

TEST_CASE("changes that come before the acknowledgement are sent together after it") {
  auto session = synced_with(mesh_of({}));
  const auto first = due(session, mesh_of({{"a", {"x", "1"}}}), 2);
  REQUIRE(!first.nonce().empty());
  CHECK(!session.next(mesh_of({{"a", {"x", "2"}}}), 3));
  CHECK(!session.next(mesh_of({{"b", {"x", "1"}}}), 4));
  REQUIRE(session.take(answer_to(first)));
  const auto second = due(session, mesh_of({{"b", {"x", "1"}}}), 4);
  REQUIRE(!second.nonce().empty());
  CHECK(second.resources_size() == 1);
  CHECK(second.removed_resources_size() == 1);
}

TEST_CASE("a client that comes back names what it has and gets only the difference") {
  XdsSession session;
  auto request = subscription(control::kAddressType);
  (*request.mutable_initial_resource_versions())["a"] = "1";
  (*request.mutable_initial_resource_versions())["b"] = "1";
  (*request.mutable_initial_resource_versions())["gone"] = "1";
  REQUIRE(session.take(request));
  const auto response = due(session, mesh_of({{"a", {"x", "1"}}, {"b", {"y", "2"}}}), 9);
  REQUIRE(!response.nonce().empty());
  REQUIRE(response.resources_size() == 1);
  CHECK(response.resources(0).name() == "b");
  REQUIRE(response.removed_resources_size() == 1);
  CHECK(response.removed_resources(0) == "gone");
}

TEST_CASE("a NACK is told once and not answered with the same again") {
  auto session = synced_with(mesh_of({}));
  const auto mesh = mesh_of({{"a", {"x", "1"}}});
  const auto response = due(session, mesh, 2);
  REQUIRE(!response.nonce().empty());
  auto refusal = answer_to(response);
  refusal.mutable_error_detail()->set_message("a: no such enum");
  const auto nack = session.take(refusal);
  REQUIRE(nack);
  const Nack told = nack->value_or(Nack());
  CHECK(told.reason == "a: no such enum");
  CHECK(told.type_url == control::kAddressType);
  CHECK(!session.next(mesh, 2));
  CHECK(session.next(mesh_of({{"a", {"xx", "2"}}}), 3));
}

TEST_CASE("an acknowledgement of something else changes nothing") {
  auto session = synced_with(mesh_of({}));
  REQUIRE(session.next(mesh_of({{"a", {"x", "1"}}}), 2));
  DeltaRequest stale;
  stale.set_type_url(control::kAddressType);
  stale.set_response_nonce("777");
  REQUIRE(session.take(stale));
  CHECK(!session.next(mesh_of({{"a", {"x", "2"}}}), 3));  // still waits for the right one
}

TEST_CASE("a subscription by name is refused with the way out; an unknown type is ignored") {
  XdsSession session;
  auto request = subscription(control::kAddressType);
  request.add_resource_names_subscribe("*");
  CHECK(session.take(request));
  CHECK(session.take(subscription("type.googleapis.com/istio.other.Kind")));
  auto named = subscription(control::kAuthorizationType);
  named.add_resource_names_subscribe("shop/deny");
  const auto taken = session.take(named);
  REQUIRE(!taken);
  CHECK(to_string(taken.error()).find("switch on-demand xDS off") != std::string::npos);
}

}  // namespace culvert::mesh
