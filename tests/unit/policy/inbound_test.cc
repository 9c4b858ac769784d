// What an inbound CONNECT may ask for (wire-facts §2.3).
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/policy/inbound.h"

#include <doctest/doctest.h>

#include "tests/unit/policy/small_mesh.h"

namespace culvert::policy {
namespace {

struct Fixture {
  SmallMesh mesh;

  Fixture() {
    auto a = pod("a", "10.0.0.1");
    serve(a, "web", 80, 8081);
    mesh.put(a);
    mesh.put(pod("b", "10.0.0.2"));
    mesh.put(service("web", "10.96.0.1"));
  }
  Result<InboundTarget> target(const char* authority) {
    TRY(const auto parsed, parse_authority(authority));
    return inbound_target(*mesh.snapshot(), *mesh.get("a"), ip("10.0.0.1"), parsed);
  }
};

TEST_CASE("an authority is an address or a hostname with a port, and nothing else") {
  CHECK(std::get<SocketAddress>(*parse_authority("10.0.0.1:80")) == at("10.0.0.1:80"));
  CHECK(std::get<SocketAddress>(*parse_authority("[fd00::1]:80")) == at("[fd00::1]:80"));
  CHECK(std::get<HostPort>(*parse_authority("web.shop.svc.cluster.local:80")) ==
        HostPort{"web.shop.svc.cluster.local", 80});
  const std::string long_name = std::string(300, 'a') + ":80";
  for (const std::string bad : {"", ":80", "web", "web:", "web:0", "10.0.0.1:0", "[fd00::1]:0",
                                "web:65536", "web:8x", "fd00::1:80", "a/b:80", "a b:80",
                                "user@web:80", "http://web:80", "web:80\r\n", long_name.c_str()}) {
    CAPTURE(bad);
    const auto parsed = parse_authority(bad);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code == Errc::protocol);
  }
}

TEST_CASE_FIXTURE(Fixture, "the address at which the tunnel ended is accepted with its port") {
  CHECK(target("10.0.0.1:9000")->address == at("10.0.0.1:9000"));
  CHECK(target("10.0.0.1:9000")->service == nullptr);
}

TEST_CASE_FIXTURE(Fixture, "an address of somebody else is a bad request") {
  for (const auto* other : {"10.0.0.2:80", "10.96.0.1:80", "127.0.0.1:80", "8.8.8.8:53"}) {
    CAPTURE(other);
    CHECK(target(other).error().code == Errc::protocol);
  }
}

TEST_CASE_FIXTURE(Fixture, "a hostname leads to our own address at the port that we serve it on") {
  const auto found = target("web.shop.svc.cluster.local:80");
  REQUIRE(found.has_value());
  CHECK(found->address == at("10.0.0.1:8081"));
  CHECK(found->service->name == "web");
}

TEST_CASE_FIXTURE(
    Fixture, "an unknown hostname, an unknown port and the proxy's own ports are unavailable") {
  for (const auto* bad : {"nobody.shop.svc.cluster.local:80", "web.shop.svc.cluster.local:81",
                          "10.0.0.1:15008", "10.0.0.1:15001", "10.0.0.1:15006"}) {
    CAPTURE(bad);
    CHECK(target(bad).error().code == Errc::unavailable);
  }
}

TEST_CASE_FIXTURE(Fixture, "a waypoint accepts the addresses of those behind it") {
  auto a = pod("a", "10.0.0.1");
  serve(a, "wp", 15008, 15008);
  mesh.put(a);
  mesh.put(service("wp", "10.96.0.7", 15008));
  auto web = service("web", "10.96.0.1");
  web.mutable_waypoint()->mutable_hostname()->set_namespace_("shop");
  web.mutable_waypoint()->mutable_hostname()->set_hostname("wp.shop.svc.cluster.local");
  mesh.put(web);
  CHECK(target("10.96.0.1:80")->address == at("10.0.0.1:80"));
  CHECK(target("10.0.0.2:80").error().code == Errc::protocol);
  auto b = pod("b", "10.0.0.2");
  b.mutable_waypoint()->mutable_address()->set_address(octets("10.0.0.1"));
  mesh.put(b);
  CHECK(target("10.0.0.2:80")->address == at("10.0.0.1:80"));
}

TEST_CASE_FIXTURE(Fixture,
                  "an application tunnel takes every address to its own port, and PROXY names what "
                  "was asked for") {
  auto a = pod("a", "10.0.0.1");
  a.mutable_application_tunnel()->set_port(15088);
  mesh.put(a);
  CHECK(target("10.96.0.1:80")->address == at("10.0.0.1:15088"));
  CHECK_FALSE(target("10.96.0.1:80")->proxied.has_value());
  a.mutable_application_tunnel()->set_protocol(wl::ApplicationTunnel::PROXY);
  mesh.put(a);
  CHECK(target("10.96.0.1:80")->address == at("10.0.0.1:15088"));
  CHECK(target("10.96.0.1:80")->proxied == at("10.96.0.1:80"));
  CHECK(target("web.shop.svc.cluster.local:80")->proxied == at("10.96.0.1:80"));
  auto headless = service("web", "10.96.0.1");
  headless.clear_addresses();
  mesh.put(headless);
  CHECK(target("web.shop.svc.cluster.local:80").error().code == Errc::unavailable);
}

TEST_CASE_FIXTURE(
    Fixture,
    "telemetry names the forwarded service if we serve it, else the first that maps the port") {
  const auto s = mesh.snapshot();
  const auto a = mesh.get("a");
  CHECK(destination_service(*s, *a, 8081, "")->name == "web");
  CHECK(destination_service(*s, *a, 9000, "web.shop.svc.cluster.local")->name == "web");
  CHECK(destination_service(*s, *a, 9000, "") == nullptr);
  CHECK(destination_service(*s, *a, 9000, "forged.example.org") == nullptr);
}

}  // namespace
}  // namespace culvert::policy
