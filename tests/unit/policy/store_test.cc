// What the store makes of xDS: look-ups, conflicts, resyncs, snapshots that share.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/policy/store.h"

#include <doctest/doctest.h>

#include "tests/unit/policy/small_mesh.h"

namespace culvert::policy {
namespace {

TEST_CASE(
    "a workload is found by uid, by address within its network, and as the pod that ZDS names") {
  SmallMesh mesh;
  auto a = pod("a", "10.0.0.1");
  a.add_addresses(octets("fd00::1"));
  mesh.put(a);
  auto elsewhere = pod("e", "10.0.0.1");
  elsewhere.set_network("other");
  mesh.put(elsewhere);
  const auto s = mesh.snapshot();
  CHECK(s->workload(uid("a"))->name == "a");
  CHECK(s->workload("nobody") == nullptr);
  CHECK(s->workload_by_ip("", ip("10.0.0.1"))->name == "a");
  CHECK(s->workload_by_ip("", ip("fd00::1"))->name == "a");
  CHECK(s->workload_by_ip("other", ip("10.0.0.1"))->name == "e");
  CHECK(s->workload_by_ip("", ip("10.0.0.2")) == nullptr);
  CHECK(s->local_workload("shop", "a", "a")->uid == uid("a"));
  CHECK(s->local_workload("shop", "a", "b") == nullptr);
}

TEST_CASE("a pod of the host network is not found by its node's address") {
  SmallMesh mesh;
  auto a = pod("a", "10.0.0.1");
  a.set_network_mode(wl::HOST_NETWORK);
  mesh.put(a);
  CHECK(mesh.snapshot()->workload_by_ip("", ip("10.0.0.1")) == nullptr);
  CHECK(mesh.get("a") != nullptr);
}

TEST_CASE(
    "of two workloads with one address the captured pod wins, and the other is back when it goes") {
  SmallMesh mesh;
  auto entry = pod("vm", "10.0.0.1");
  entry.set_uid("Kubernetes/networking.istio.io/WorkloadEntry/shop/vm");
  mesh.put(entry);
  auto plain = pod("plain", "10.0.0.1");
  plain.set_tunnel_protocol(wl::NONE);
  mesh.put(plain);
  CHECK(mesh.snapshot()->workload_by_ip("", ip("10.0.0.1"))->name == "plain");
  mesh.put(pod("captured", "10.0.0.1"));
  CHECK(mesh.snapshot()->workload_by_ip("", ip("10.0.0.1"))->name == "captured");
  mesh.remove(uid("captured"));
  mesh.remove(uid("plain"));
  CHECK(mesh.snapshot()->workload_by_ip("", ip("10.0.0.1"))->name == "vm");
}

TEST_CASE("an update moves a workload to its new address and service") {
  SmallMesh mesh;
  mesh.put(service("web", "10.96.0.1"));
  mesh.put(service("api", "10.96.0.2"));
  auto a = pod("a", "10.0.0.1");
  serve(a, "web");
  mesh.put(a);
  auto moved = pod("a", "10.0.0.7");
  serve(moved, "api");
  mesh.put(moved);
  const auto s = mesh.snapshot();
  CHECK(s->workload_by_ip("", ip("10.0.0.1")) == nullptr);
  CHECK(s->workload_by_ip("", ip("10.0.0.7"))->name == "a");
  CHECK(s->endpoints(*s->service("shop", "web.shop.svc.cluster.local")).empty());
  CHECK(s->endpoints(*s->service("shop", "api.shop.svc.cluster.local")).size() == 1);
}

TEST_CASE("endpoints wait for a service that is not known yet and outlive its removal") {
  SmallMesh mesh;
  auto a = pod("a", "10.0.0.1");
  serve(a, "web");
  mesh.put(a);
  mesh.put(service("web", "10.96.0.1"));
  CHECK(mesh.snapshot()
            ->endpoints(*mesh.snapshot()->service_by_key("shop/web.shop.svc.cluster.local"))
            .size() == 1);
  mesh.remove("shop/web.shop.svc.cluster.local");
  CHECK(mesh.snapshot()->service_by_key("shop/web.shop.svc.cluster.local") == nullptr);
  mesh.put(service("web", "10.96.0.1"));
  CHECK(mesh.snapshot()
            ->endpoints(*mesh.snapshot()->service_by_key("shop/web.shop.svc.cluster.local"))
            .size() == 1);
  mesh.remove(uid("a"));
  CHECK(mesh.snapshot()
            ->endpoints(*mesh.snapshot()->service_by_key("shop/web.shop.svc.cluster.local"))
            .empty());
}

TEST_CASE("a workload that is sent twice in one push is one endpoint") {
  SmallMesh mesh;
  mesh.put(service("web", "10.96.0.1"));
  std::vector<std::string> bytes;
  for (const auto* address : {"10.0.0.1", "10.0.0.2"}) {
    wl::Address message;
    *message.mutable_workload() = pod("a", address);
    serve(*message.mutable_workload(), "web");
    bytes.push_back(message.SerializeAsString());
  }
  const std::string name = uid("a");
  const std::vector<ResourceBytes> push{{name, as_bytes(bytes[0])}, {name, as_bytes(bytes[1])}};
  CHECK(mesh.store.apply_addresses(push, {}).empty());
  const auto s = mesh.snapshot();
  const auto& endpoints = s->endpoints(*s->service_by_key("shop/web.shop.svc.cluster.local"));
  REQUIRE(endpoints.size() == 1);
  CHECK(endpoints[0]->has_address(ip("10.0.0.2")));
}

TEST_CASE("among services with one address the client's namespace wins, then the canonical one") {
  SmallMesh mesh;
  mesh.put(service("a", "10.96.0.1"));
  auto canonical = service("b", "10.96.0.1");
  canonical.set_namespace_("infra");
  canonical.set_canonical(true);
  mesh.put(canonical);
  auto hidden = service("c", "10.96.0.1");
  hidden.set_namespace_("private");
  hidden.set_visibility(wl::VISIBILITY_NAMESPACE);
  mesh.put(hidden);
  const auto s = mesh.snapshot();
  CHECK(s->service_by_vip("", ip("10.96.0.1"), "shop")->name == "a");
  CHECK(s->service_by_vip("", ip("10.96.0.1"), "else")->name == "b");
  CHECK(s->service_by_vip("", ip("10.96.0.1"), "private")->name == "c");
  CHECK(s->service_by_vip("other", ip("10.96.0.1"), "shop") == nullptr);
}

TEST_CASE("a service owns blocks of addresses and the longest block wins") {
  SmallMesh mesh;
  auto wide = service("wide", "10.96.0.1");
  wide.add_addresses()->set_address(octets("10.98.0.0"));
  wide.mutable_addresses(1)->set_length(16);
  mesh.put(wide);
  auto narrow = service("narrow", "10.96.0.2");
  narrow.add_addresses()->set_address(octets("10.98.7.0"));
  narrow.mutable_addresses(1)->set_length(24);
  mesh.put(narrow);
  CHECK(mesh.snapshot()->service_by_vip("", ip("10.98.7.1"), "x")->name == "narrow");
  CHECK(mesh.snapshot()->service_by_vip("", ip("10.98.8.1"), "x")->name == "wide");
  mesh.remove("shop/narrow.shop.svc.cluster.local");
  CHECK(mesh.snapshot()->service_by_vip("", ip("10.98.7.1"), "x")->name == "wide");
}

TEST_CASE("a snapshot does not change and nothing new gives the same one") {
  SmallMesh mesh;
  mesh.put(pod("a", "10.0.0.1"));
  const auto before = mesh.snapshot();
  CHECK(mesh.snapshot() == before);
  const auto record = mesh.get("a");
  mesh.put(pod("a", "10.0.0.1"));  // a resync sends what is known
  CHECK(mesh.snapshot() == before);
  CHECK(mesh.get("a") == record);
  mesh.remove(uid("a"));
  CHECK(before->workload(uid("a")) == record);
  CHECK(mesh.get("a") == nullptr);
}

TEST_CASE(
    "the policy generation grows with policies and with the lists of them, and with nothing else") {
  SmallMesh mesh;
  const auto generation = [&] { return mesh.snapshot()->policy_generation(); };
  const auto start = generation();
  mesh.put(pod("a", "10.0.0.1"));
  CHECK(generation() == start);
  auto listed = pod("a", "10.0.0.1");
  listed.add_authorization_policies("shop/p");
  mesh.put(listed);
  const auto attached = generation();
  CHECK(attached > start);
  sec::Authorization policy;
  policy.set_name("p");
  policy.set_namespace_("shop");
  mesh.put(policy);
  CHECK(generation() > attached);
  const auto settled = generation();
  mesh.put(policy);
  CHECK(generation() == settled);
  mesh.remove_policy("shop/p");
  CHECK(generation() > settled);
}

TEST_CASE(
    "a bad resource is reported by name and leaves its former version and the others in force") {
  SmallMesh mesh;
  mesh.put(pod("a", "10.0.0.1"));
  auto bad = pod("a", "10.0.0.9");
  bad.set_tunnel_protocol(wl::LEGACY_ISTIO_MTLS);
  const auto problems = mesh.put(bad);
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].resource == uid("a"));
  CHECK(problems[0].rejected);
  CHECK(mesh.get("a")->has_address(ip("10.0.0.1")));
}

TEST_CASE("old snapshots are freed by the store once no worker holds them") {
  SmallMesh mesh;
  mesh.put(pod("a", "10.0.0.1"));
  auto held = mesh.snapshot();
  mesh.put(pod("b", "10.0.0.2"));
  mesh.snapshot();
  CHECK(mesh.store.sweep() == 1);
  held.reset();
  CHECK(mesh.store.sweep() == 0);
}

}  // namespace
}  // namespace culvert::policy
