// Workloads and services from the wire.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/unit/policy/small_mesh.h"
#include "ztunnel/lib/policy/decode.h"

namespace culvert::policy {
namespace {

Result<Workload> decode(const wl::Workload& workload) {
  wl::Address address;
  *address.mutable_workload() = workload;
  TRY(auto decoded, decode_address(as_bytes(address.SerializeAsString())));
  return std::get<Workload>(std::move(decoded));
}
Result<Service> decode(const wl::Service& service) {
  wl::Address address;
  *address.mutable_service() = service;
  TRY(auto decoded, decode_address(as_bytes(address.SerializeAsString())));
  return std::get<Service>(std::move(decoded));
}

TEST_CASE("empty fields of a workload have their documented meaning") {
  wl::Workload message;
  message.set_uid("u");
  const auto workload = decode(message);
  REQUIRE(workload.has_value());
  CHECK(workload->trust_domain == "cluster.local");
  CHECK(workload->service_account == "default");
  CHECK(workload->cluster_id == "Kubernetes");
  CHECK(workload->capacity == 1);
  CHECK(workload->protocol == TunnelProtocol::tcp);
  CHECK(workload->status == WorkloadStatus::healthy);
}

TEST_CASE("every field of a workload is taken over") {
  auto message = pod("a", "10.0.0.1");
  message.add_addresses(octets("fd00::1"));
  message.set_trust_domain("td");
  message.set_node("n1");
  message.set_network("net");
  message.set_workload_type(wl::JOB);
  message.set_status(wl::UNHEALTHY);
  message.set_network_mode(wl::HOST_NETWORK);
  message.set_native_tunnel(true);
  message.mutable_capacity()->set_value(7);
  message.mutable_locality()->set_zone("z");
  message.mutable_application_tunnel()->set_port(15088);
  message.mutable_waypoint()->mutable_hostname()->set_namespace_("shop");
  message.mutable_waypoint()->mutable_hostname()->set_hostname("wp");
  message.mutable_network_gateway()->mutable_address()->set_address(octets("1.2.3.4"));
  message.mutable_network_gateway()->set_hbone_mtls_port(15009);
  serve(message, "web");
  const auto workload = decode(message);
  REQUIRE(workload.has_value());
  CHECK(to_string(workload->identity()) == "spiffe://td/ns/shop/sa/a");
  CHECK(workload->addresses == std::vector{ip("10.0.0.1"), ip("fd00::1")});
  CHECK(workload->type == WorkloadType::job);
  CHECK(workload->status == WorkloadStatus::unhealthy);
  CHECK(workload->network_mode == NetworkMode::host_network);
  CHECK(workload->native_tunnel);
  CHECK(workload->capacity == 7);
  CHECK(workload->locality.zone == "z");
  CHECK(workload->application_tunnel == ApplicationTunnel{false, 15088});
  CHECK(to_string(*workload->waypoint) == "shop/wp");
  CHECK(workload->waypoint->hbone_mtls_port == kHbonePort);
  CHECK(to_string(*workload->network_gateway) == "/1.2.3.4");
  CHECK(workload->network_gateway->hbone_mtls_port == 15009);
  CHECK(workload->services.at("shop/web.shop.svc.cluster.local") == PortMap{{80, 8080}});
}

TEST_CASE("a workload that can't be understood is refused with a sentence") {
  auto message = pod("a", "10.0.0.1");
  std::string wanted;
  SUBCASE("no uid") {
    message.clear_uid();
    wanted = "a workload has no uid";
  }
  SUBCASE("an address of five bytes") {
    message.add_addresses("12345");
    wanted = "an IP address has 4 or 16 bytes, not 5";
  }
  SUBCASE("Istio's old mTLS") {
    message.set_tunnel_protocol(wl::LEGACY_ISTIO_MTLS);
    wanted = "tunnel protocol 2 is not known here";
  }
  SUBCASE("a port over 65535") {
    serve(message, "web", 80, 70000);
    wanted = "port 70000 is over 65535";
  }
  SUBCASE("a waypoint without an address") {
    message.mutable_waypoint()->set_hbone_mtls_port(1);
    wanted = "a gateway address has neither hostname nor address";
  }
  const auto workload = decode(message);
  REQUIRE_FALSE(workload.has_value());
  CHECK(workload.error().code == Errc::protocol);
  CHECK(workload.error().context == wanted);
}

TEST_CASE("a service's addresses, names and balancing are taken over") {
  auto message = service("web", "10.96.0.1");
  message.add_addresses()->set_address(octets("10.98.0.0"));
  message.mutable_addresses(1)->set_length(16);
  message.add_subject_alt_names("spiffe://td/ns/x/sa/y");
  message.add_subject_alt_names("web.example.org");
  message.mutable_load_balancing()->set_mode(wl::LoadBalancing::FAILOVER);
  message.mutable_load_balancing()->add_routing_preference(wl::LoadBalancing::ZONE);
  message.mutable_load_balancing()->set_health_policy(wl::LoadBalancing::ALLOW_ALL);
  message.set_visibility(wl::VISIBILITY_NAMESPACE);
  const auto decoded = decode(message);
  REQUIRE(decoded.has_value());
  CHECK(decoded->key() == "shop/web.shop.svc.cluster.local");
  CHECK(decoded->vips == std::vector{NetworkAddress{"", ip("10.96.0.1")}});
  CHECK(decoded->cidr_vips == std::vector{CidrVip{"", *Cidr::parse("10.98.0.0/16")}});
  CHECK(decoded->subject_alt_names == std::vector{SpiffeId{"td", "x", "y"}});
  CHECK(decoded->load_balancing ==
        LoadBalancing{{Scope::zone}, LoadBalancing::Mode::failover, true});
  CHECK(decoded->namespace_only);
  CHECK_FALSE(decoded->has_waypoint());
}

TEST_CASE("only a weight over zero makes a weighted waypoint count") {
  auto message = service("web", "10.96.0.1");
  auto& weighted = *message.add_weighted_waypoints();
  weighted.mutable_destination()->mutable_hostname()->set_hostname("wp");
  CHECK_FALSE(decode(message)->has_waypoint());
  weighted.set_weight(1);
  CHECK(decode(message)->has_waypoint());
}

TEST_CASE("bytes that are no address are refused") {
  CHECK(decode_address(as_bytes("\xff")).error().context ==
        "the bytes are no istio.workload.Address");
  CHECK(decode_address({}).error().context == "an address is neither a workload nor a service");
  wl::Service nameless;
  CHECK(decode(nameless).error().context == "a service has no namespace or no hostname");
}

}  // namespace
}  // namespace culvert::policy
