// Where outbound connections go (wire-facts §2.1).
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/policy/route.h"

#include <doctest/doctest.h>

#include "tests/unit/policy/small_mesh.h"

namespace culvert::policy {
namespace {

struct Fixture {
  SmallMesh mesh;

  Fixture() { mesh.put(pod("client", "10.0.0.9")); }

  Route to(const char* destination) {
    Rng rng(1);
    return route(*mesh.snapshot(), *mesh.get("client"), at(destination), rng);
  }
};

void behind_waypoint(auto& message) {
  message.mutable_waypoint()->mutable_hostname()->set_namespace_("shop");
  message.mutable_waypoint()->mutable_hostname()->set_hostname("wp.shop.svc.cluster.local");
}

TEST_CASE_FIXTURE(
    Fixture,
    "a captured workload is reached by HBONE at its own port and must prove its identity") {
  mesh.put(pod("a", "10.0.0.1"));
  const auto r = to("10.0.0.1:8080");
  CHECK(r.kind == RouteKind::hbone);
  CHECK(to_string(r.address) == "10.0.0.1:15008");
  CHECK(r.authority == "10.0.0.1:8080");
  CHECK(to_string(r.target) == "10.0.0.1:8080");
  CHECK(r.expected == std::vector{SpiffeId{"cluster.local", "shop", "a"}});
  CHECK(r.workload->name == "a");
  CHECK(r.service == nullptr);
}

TEST_CASE_FIXTURE(Fixture,
                  "a service address leads to an endpoint at the target port; service names count "
                  "as identities") {
  auto a = pod("a", "10.0.0.1");
  serve(a, "web");
  mesh.put(a);
  auto web = service("web", "10.96.0.1");
  web.add_subject_alt_names("spiffe://td/ns/x/sa/y");
  mesh.put(web);
  const auto r = to("10.96.0.1:80");
  CHECK(r.kind == RouteKind::hbone);
  CHECK(r.authority == "10.0.0.1:8080");
  CHECK(to_string(r.address) == "10.0.0.1:15008");
  CHECK(r.expected ==
        std::vector{SpiffeId{"cluster.local", "shop", "a"}, SpiffeId{"td", "x", "y"}});
  CHECK(r.service->name == "web");
}

TEST_CASE_FIXTURE(Fixture, "IPv6 goes the same way") {
  auto a = pod("a", "fd00::1");
  serve(a, "web");
  mesh.put(a);
  mesh.put(service("web", "fd00:96::1"));
  const auto r = to("[fd00:96::1]:80");
  CHECK(r.authority == "[fd00::1]:8080");
  CHECK(to_string(r.address) == "[fd00::1]:15008");
}

TEST_CASE_FIXTURE(Fixture, "a workload that is not captured is reached in plain TCP") {
  auto a = pod("a", "10.0.0.1");
  a.set_tunnel_protocol(wl::NONE);
  mesh.put(a);
  const auto r = to("10.0.0.1:8080");
  CHECK(r.kind == RouteKind::tcp);
  CHECK(to_string(r.address) == "10.0.0.1:8080");
  CHECK(r.authority.empty());
  CHECK(r.workload->name == "a");
}

TEST_CASE_FIXTURE(Fixture, "what the mesh does not know passes through") {
  const auto r = to("93.184.216.34:443");
  CHECK(r.kind == RouteKind::passthrough);
  CHECK(to_string(r.address) == "93.184.216.34:443");
  CHECK(r.workload == nullptr);
  CHECK_FALSE(is_refused(r.kind));
}

TEST_CASE_FIXTURE(Fixture, "a service in passthrough mode passes through") {
  auto web = service("web", "10.96.0.1");
  web.mutable_load_balancing()->set_mode(wl::LoadBalancing::PASSTHROUGH);
  mesh.put(web);
  const auto r = to("10.96.0.1:80");
  CHECK(r.kind == RouteKind::passthrough);
  CHECK(to_string(r.address) == "10.96.0.1:80");
}

TEST_CASE_FIXTURE(Fixture, "a service without a usable endpoint refuses and says which") {
  mesh.put(service("web", "10.96.0.1"));
  const auto none = to("10.96.0.1:80");
  CHECK(none.kind == RouteKind::no_endpoint);
  CHECK(none.message ==
        "service shop/web.shop.svc.cluster.local has no healthy endpoint for port 80; look at its "
        "pods");
  CHECK(none.service->name == "web");
  CHECK(to("10.96.0.1:81").message ==
        "service shop/web.shop.svc.cluster.local has no port 81; call one that it declares");
}

TEST_CASE_FIXTURE(Fixture, "a waypoint is never bypassed") {
  auto a = pod("a", "10.0.0.1");
  serve(a, "web");
  SUBCASE("of a service") {
    mesh.put(a);
    auto web = service("web", "10.96.0.1");
    SUBCASE("plain") {
      behind_waypoint(web);
    }
    SUBCASE("weighted") {
      auto& weighted = *web.add_weighted_waypoints();
      weighted.mutable_destination()->mutable_hostname()->set_namespace_("shop");
      weighted.mutable_destination()->mutable_hostname()->set_hostname("wp.shop.svc.cluster.local");
      weighted.set_weight(5);
    }
    SUBCASE("even in passthrough mode") {
      behind_waypoint(web);
      web.mutable_load_balancing()->set_mode(wl::LoadBalancing::PASSTHROUGH);
    }
    mesh.put(web);
    const auto r = to("10.96.0.1:80");
    CHECK(r.kind == RouteKind::needs_waypoint);
    CHECK(is_refused(r.kind));
    CHECK(r.message.starts_with(
        "service shop/web.shop.svc.cluster.local is behind waypoint "
        "shop/wp.shop.svc.cluster.local, and waypoints are not supported yet"));
  }
  SUBCASE("of a workload") {
    behind_waypoint(a);
    mesh.put(a);
    const auto r = to("10.0.0.1:8080");
    CHECK(r.kind == RouteKind::needs_waypoint);
    CHECK(r.message.starts_with("workload Kubernetes//Pod/shop/a is behind waypoint shop/wp"));
  }
}

TEST_CASE_FIXTURE(Fixture, "a workload's waypoint itself reaches it directly") {
  mesh.put(service("wp", "10.96.0.7", 15008));
  auto a = pod("a", "10.0.0.1");
  behind_waypoint(a);
  mesh.put(a);
  auto client = pod("client", "10.0.0.9");
  serve(client, "wp", 15008, 15008);
  mesh.put(client);
  CHECK(to("10.0.0.1:8080").kind == RouteKind::hbone);
}

TEST_CASE_FIXTURE(Fixture, "an endpoint of another network refuses") {
  auto a = pod("a", "10.0.0.1");
  a.set_network("other");
  serve(a, "web");
  mesh.put(a);
  mesh.put(service("web", "10.96.0.1"));
  const auto r = to("10.96.0.1:80");
  CHECK(r.kind == RouteKind::other_network);
  CHECK(r.message.contains("is on network \"other\""));
}

TEST_CASE_FIXTURE(Fixture,
                  "the proxy's own ports refuse at loopback and at the pod's own address only") {
  mesh.put(pod("a", "10.0.0.1"));
  for (const auto* own :
       {"127.0.0.1:15001", "127.0.0.1:15006", "127.0.0.1:15008", "[::1]:15008", "10.0.0.9:15001"}) {
    CAPTURE(own);
    CHECK(to(own).kind == RouteKind::own_port);
  }
  CHECK(to("127.0.0.1:8080").kind == RouteKind::passthrough);
  CHECK(to("10.0.0.1:15008").kind == RouteKind::hbone);  // the other side refuses it
}

TEST_CASE_FIXTURE(
    Fixture, "an address that is both a VIP and a workload's is the service's; a block is not") {
  auto a = pod("a", "10.0.0.1");
  serve(a, "web");
  mesh.put(a);
  auto block = service("block", "10.96.0.2");
  block.add_addresses()->set_address(octets("10.0.0.0"));
  block.mutable_addresses(1)->set_length(8);
  mesh.put(block);
  CHECK(to("10.0.0.1:8080").service == nullptr);
  CHECK(to("10.0.0.77:80").service->name == "block");
  mesh.put(service("web", "10.0.0.1"));
  CHECK(to("10.0.0.1:80").service->name == "web");
}

TEST_CASE_FIXTURE(Fixture, "an endpoint with a hostname only refuses with a sentence") {
  auto a = pod("a", "");
  a.set_hostname("db.example.org");
  serve(a, "web");
  mesh.put(a);
  mesh.put(service("web", "10.96.0.1"));
  const auto r = to("10.96.0.1:80");
  CHECK(r.kind == RouteKind::no_endpoint);
  CHECK(r.message.contains("has no address"));
}

}  // namespace
}  // namespace culvert::policy
