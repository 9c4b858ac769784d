// What is labelled with a waypoint gets one, whether it exists or not.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/unit/mesh/shop.h"

namespace culvert::mesh {
namespace {

std::string labelled_namespace(const std::string& labels) {
  return "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {" + labels + "}}\n";
}
std::string web_service(const std::string& labels = "x: y") {
  return "---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop, labels: {" +
         labels + "}}\nspec: {clusterIP: 10.96.0.1, ports: [{port: 80}]}\n";
}
std::string gateway(const std::string& labels = "x: y", const std::string& status = "{}") {
  return "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: wp, "
         "namespace: shop, labels: {" +
         labels + "}}\nspec: {gatewayClassName: culvert-waypoint}\nstatus: " + status + "\n";
}

const std::string kUse = "istio.io/use-waypoint: wp";

TEST_CASE("a service's label names its waypoint, by hostname until the gateway has an address") {
  const auto by_name = service(translated(web_service(kUse) + gateway()), "web");
  REQUIRE(by_name.has_waypoint());
  CHECK(by_name.waypoint().hostname().namespace_() == "shop");
  CHECK(by_name.waypoint().hostname().hostname() == "wp.shop.svc.cluster.local");
  CHECK(by_name.waypoint().hbone_mtls_port() == 15008);
  const auto by_address =
      service(translated(web_service(kUse) +
                         gateway("x: y", "{addresses: [{type: IPAddress, value: 10.96.0.9}]}")),
              "web");
  CHECK(by_address.waypoint().address().address() == std::string("\x0a\x60\0\x09", 4));
}

TEST_CASE("a Gateway of our class is recognised and told of as not served yet, others are not") {
  const auto told = translated(gateway()).problems;
  CHECK(sentences(told) ==
        std::vector<std::string>{
            "Gateway shop/wp: class culvert-waypoint is not served yet; take the label "
            "istio.io/use-waypoint from what is behind it, until then that traffic is refused"});
  auto foreign = gateway();
  foreign.replace(foreign.find("culvert-waypoint"), 16, "istio-waypoint");
  CHECK(translated(foreign).problems.empty());
}

TEST_CASE("the namespace's label counts where the object has none, and none opts out") {
  const auto ns = labelled_namespace(kUse);
  CHECK(service(translated(ns + web_service() + gateway()), "web").has_waypoint());
  CHECK_FALSE(
      service(translated(ns + web_service("istio.io/use-waypoint: none") + gateway()), "web")
          .has_waypoint());
  CHECK_FALSE(service(translated(web_service() + gateway()), "web").has_waypoint());
}

TEST_CASE("a waypoint serves what it is for") {
  const auto ns = labelled_namespace(kUse);
  const auto for_what = [&](const std::string& what) {
    const auto t = translated(ns + web_service() + pod_yaml("a", "10.0.0.1") +
                              gateway("istio.io/waypoint-for: " + what));
    return std::pair(service(t, "web").has_waypoint(), pod(t, "a").has_waypoint());
  };
  CHECK(for_what("service") == std::pair(true, false));
  CHECK(for_what("workload") == std::pair(false, true));
  CHECK(for_what("all") == std::pair(true, true));
  CHECK(for_what("none") == std::pair(false, false));
}

TEST_CASE("a waypoint in another namespace is found by the second label") {
  const auto web =
      service(translate(read(web_service(kUse + ", istio.io/use-waypoint-namespace: infra")),
                        on_node("n1"), {}),
              "web");
  CHECK(web.waypoint().hostname().hostname() == "wp.infra.svc.cluster.local");
}

TEST_CASE(
    "a waypoint that does not exist is told and stands all the same, so that nothing passes it "
    "by") {
  const auto t =
      translated(web_service(kUse) + pod_yaml("a", "10.0.0.1", "labels: {" + kUse + "}"));
  CHECK(service(t, "web").has_waypoint());
  CHECK(pod(t, "a").has_waypoint());
  CHECK(sentences(t.problems) ==
        std::vector<std::string>{"Pod shop/a: its waypoint is Gateway shop/wp, which does not "
                                 "exist; create it or remove the label "
                                 "istio.io/use-waypoint, until then its traffic is refused",
                                 "Service shop/web: its waypoint is Gateway shop/wp, which does "
                                 "not exist; create it or remove the label "
                                 "istio.io/use-waypoint, until then its traffic is refused"});
}

TEST_CASE(
    "a waypoint that does not exist, named by the namespace, counts for services, its default") {
  const auto t = translated(labelled_namespace(kUse) + web_service() + pod_yaml("a", "10.0.0.1"));
  CHECK(service(t, "web").has_waypoint());
  CHECK_FALSE(pod(t, "a").has_waypoint());
}

TEST_CASE("a waypoint is behind no waypoint") {
  const auto ns = labelled_namespace(kUse);
  const auto t = translated(
      ns + gateway("istio.io/waypoint-for: all") +
      pod_yaml("wp", "10.0.0.1", "labels: {gateway.networking.k8s.io/gateway-name: wp}"));
  CHECK_FALSE(pod(t, "wp").has_waypoint());
}

}  // namespace
}  // namespace culvert::mesh
