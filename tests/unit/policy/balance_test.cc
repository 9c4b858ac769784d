// Which endpoint serves (wire-facts §2.2).
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/policy/balance.h"

#include <doctest/doctest.h>

#include <map>

#include "tests/unit/policy/small_mesh.h"

namespace culvert::policy {
namespace {

using LB = wl::LoadBalancing;

constexpr int kDraws = 2000;

// A client on node n1, zone z1, region r1 and three endpoints: same node, same zone, far away.
struct Fixture {
  SmallMesh mesh;
  wl::Service web = service("web", "10.96.0.1");

  Fixture() {
    mesh.put(placed(pod("client", "10.0.0.9"), "n1", "z1", "r1"));
    mesh.put(endpoint("near", "10.0.0.1", "n1", "z1", "r1"));
    mesh.put(endpoint("zone", "10.0.0.2", "n2", "z1", "r1"));
    mesh.put(endpoint("far", "10.0.0.3", "n3", "z9", "r9"));
    mesh.put(web);
  }
  static wl::Workload placed(wl::Workload workload, const char* node, const char* zone,
                             const char* region) {
    workload.set_node(node);
    workload.mutable_locality()->set_zone(zone);
    workload.mutable_locality()->set_region(region);
    return workload;
  }
  static wl::Workload endpoint(const char* name, const char* address, const char* node,
                               const char* zone, const char* region) {
    auto result = placed(pod(name, address), node, zone, region);
    serve(result, "web");
    return result;
  }
  void balance(LB::Mode mode, std::initializer_list<LB::Scope> scopes) {
    web.mutable_load_balancing()->set_mode(mode);
    for (const auto scope : scopes) {
      web.mutable_load_balancing()->add_routing_preference(scope);
    }
    mesh.put(web);
  }
  // The names that were chosen in kDraws draws, and how often.
  std::map<std::string, int> draws(std::uint16_t port = 80) {
    std::map<std::string, int> counts;
    Rng rng(1);
    const auto s = mesh.snapshot();
    for (int i = 0; i < kDraws; ++i) {
      const auto chosen = select_endpoint(*s, *s->service_by_key("shop/web.shop.svc.cluster.local"),
                                          *mesh.get("client"), port, rng);
      if (chosen) {
        ++counts[chosen->workload->name];
      }
    }
    return counts;
  }
};

std::vector<std::string> names(const std::map<std::string, int>& counts) {
  std::vector<std::string> result;
  for (const auto& [name, count] : counts) {
    result.push_back(name);
  }
  return result;
}

using Names = std::vector<std::string>;

TEST_CASE_FIXTURE(Fixture, "without preferences all endpoints share alike") {
  const auto counts = draws();
  CHECK(names(counts) == Names{"far", "near", "zone"});
  for (const auto& [name, count] : counts) {
    CHECK(count > kDraws / 3 - 150);
    CHECK(count < kDraws / 3 + 150);
  }
}

TEST_CASE_FIXTURE(Fixture, "capacity is the weight and none at all is never chosen") {
  auto far = endpoint("far", "10.0.0.3", "n3", "z9", "r9");
  far.mutable_capacity()->set_value(8);
  mesh.put(far);
  CHECK(draws()["far"] > kDraws / 2);
  far.mutable_capacity()->set_value(0);
  mesh.put(far);
  CHECK(names(draws()) == Names{"near", "zone"});
}

TEST_CASE_FIXTURE(Fixture, "STRICT takes those that match every preference, or none") {
  balance(LB::STRICT, {LB::NODE});
  CHECK(names(draws()) == Names{"near"});
  mesh.remove(uid("near"));
  CHECK(draws().empty());
}

TEST_CASE_FIXTURE(Fixture, "FAILOVER takes the best rank that is there") {
  balance(LB::FAILOVER, {LB::REGION, LB::ZONE, LB::NODE});
  CHECK(names(draws()) == Names{"near"});
  mesh.remove(uid("near"));
  CHECK(names(draws()) == Names{"zone"});
  mesh.remove(uid("zone"));
  CHECK(names(draws()) == Names{"far"});
}

TEST_CASE_FIXTURE(Fixture, "FAILOVER counts leading matches only") {
  mesh.put(
      endpoint("zone-only", "10.0.0.4", "n4", "z1", "r9"));  // ZONE without REGION counts nothing
  mesh.remove(uid("near"));
  mesh.remove(uid("zone"));
  balance(LB::FAILOVER, {LB::REGION, LB::ZONE});
  CHECK(names(draws()) == Names{"far", "zone-only"});
}

TEST_CASE_FIXTURE(Fixture,
                  "NETWORK first: the same network outranks all, another still gets ranked") {
  auto other = endpoint("other-net", "10.0.0.1", "n1", "z1", "r1");
  other.set_network("other");
  mesh.put(other);
  auto other_far = endpoint("other-far", "10.0.0.2", "n8", "z8", "r8");
  other_far.set_network("other");
  mesh.put(other_far);
  balance(LB::FAILOVER, {LB::NETWORK, LB::REGION, LB::ZONE});
  mesh.remove(uid("near"));
  mesh.remove(uid("zone"));
  CHECK(names(draws()) == Names{"far"});
  mesh.remove(uid("far"));
  CHECK(names(draws()) == Names{"other-net"});
}

TEST_CASE_FIXTURE(Fixture, "unhealthy endpoints serve only where the service says so") {
  for (const auto& [name, address] :
       {std::pair{"near", "10.0.0.1"}, {"zone", "10.0.0.2"}, {"far", "10.0.0.3"}}) {
    auto sick = endpoint(name, address, "n", "z", "r");
    sick.set_status(wl::UNHEALTHY);
    mesh.put(sick);
  }
  CHECK(draws().empty());
  web.mutable_load_balancing()->set_health_policy(LB::ALLOW_ALL);
  mesh.put(web);
  CHECK(draws().size() == 3);
}

TEST_CASE_FIXTURE(Fixture, "a port that the service does not declare has no endpoint") {
  CHECK(draws(81).empty());
}

TEST_CASE_FIXTURE(Fixture, "a named target port exists only at endpoints that map it") {
  web.mutable_ports(0)->set_target_port(0);
  mesh.put(web);
  auto plain = Fixture::placed(pod("far", "10.0.0.3"), "n3", "z9", "r9");
  (*plain.mutable_services())["shop/web.shop.svc.cluster.local"];  // serves, but maps no port
  mesh.put(plain);
  CHECK(names(draws()) == Names{"near", "zone"});
}

TEST_CASE_FIXTURE(Fixture, "the endpoint's own port map goes before the service's target port") {
  auto own = pod("near", "10.0.0.1");
  serve(own, "web", 80, 9999);
  mesh.put(own);
  const auto s = mesh.snapshot();
  const auto web_service = s->service_by_key("shop/web.shop.svc.cluster.local");
  CHECK(target_port(*web_service, *mesh.get("near"), 80) == 9999);
  CHECK(target_port(*web_service, *mesh.get("client"), 80) == 8080);
  CHECK(target_port(*web_service, *mesh.get("near"), 81) == std::nullopt);
}

TEST_CASE("a workload with several addresses is reached at the wanted one or in its family") {
  Workload workload;
  workload.addresses = {ip("10.0.0.1"), ip("fd00::1"), ip("fd00::2")};
  CHECK(address_of(workload, ip("fd00::2"), IpFamilies::ipv4_only) == ip("fd00::2"));
  CHECK(address_of(workload, ip("10.96.0.1"), IpFamilies::dual) == ip("10.0.0.1"));
  CHECK(address_of(workload, ip("fd00:96::1"), IpFamilies::automatic) == ip("fd00::1"));
  CHECK(address_of(workload, ip("fd00:96::1"), IpFamilies::ipv4_only) == ip("10.0.0.1"));
  workload.addresses = {ip("10.0.0.1")};
  CHECK(address_of(workload, ip("fd00:96::1"), IpFamilies::ipv6_only) == std::nullopt);
  CHECK(address_of(workload, ip("fd00:96::1"), IpFamilies::dual) == ip("10.0.0.1"));
}

}  // namespace
}  // namespace culvert::policy
