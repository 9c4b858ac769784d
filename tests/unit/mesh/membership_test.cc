// Which workloads serve which services.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/unit/mesh/shop.h"

namespace culvert::mesh {
namespace {

const std::string kWeb = "shop/web.shop.svc.cluster.local";

std::string web_service(const std::string& more = "selector: {app: web}") {
  return "---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec:\n  "
         "clusterIP: 10.96.0.1\n  " +
         more +
         "\n  ports:\n  - {name: http, port: 80, targetPort: web}\n  - {name: admin, port: 90, "
         "targetPort: 9090}\n";
}

std::string web_slice(
    const std::string& endpoints,
    const std::string& ports = "{name: http, port: 8080}, {name: admin, port: 9099}") {
  return "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-x, "
         "namespace: shop, labels: "
         "{kubernetes.io/service-name: web}}\naddressType: IPv4\nports: [" +
         ports + "]\nendpoints: [" + endpoints + "]\n";
}

const std::string kPods = pod_yaml("a", "10.0.0.1", "labels: {app: web}") +
                          pod_yaml("b", "10.0.0.2", "labels: {app: db}");

std::map<std::uint32_t, std::uint32_t> ports(const wl::Workload& workload) {
  std::map<std::uint32_t, std::uint32_t> result;
  const auto found = workload.services().find(kWeb);
  if (found != workload.services().end()) {
    for (const auto& port : found->second.ports()) {
      result[port.service_port()] = port.target_port();
    }
  }
  return result;
}
using Ports = std::map<std::uint32_t, std::uint32_t>;

TEST_CASE("without a slice the selector decides, and names of ports are the pod's own") {
  const auto translation = translated(kPods + web_service());
  CHECK(ports(pod(translation, "a")) == Ports{{80, 8080}, {90, 9090}});
  CHECK_FALSE(pod(translation, "b").services().contains(kWeb));
}

TEST_CASE("without a slice and a selector nobody serves") {
  const auto translation = translated(kPods + web_service("type: ClusterIP"));
  CHECK_FALSE(pod(translation, "a").services().contains(kWeb));
}

TEST_CASE("a slice decides alone where there is one, with its own ports") {
  const auto translation =
      translated(kPods + web_service() +
                 web_slice("{addresses: [10.0.0.2], targetRef: {kind: Pod, name: b}}"));
  CHECK_FALSE(pod(translation, "a").services().contains(kWeb));
  CHECK(ports(pod(translation, "b")) == Ports{{80, 8080}, {90, 9099}});
}

TEST_CASE(
    "an endpoint that is not ready does not serve, but where the service wants it all the same") {
  const auto slice = web_slice(
      "{addresses: [10.0.0.1], conditions: {ready: false}, targetRef: {kind: Pod, name: a}}");
  CHECK(ports(pod(translated(kPods + web_service() + slice), "a")).empty());
  CHECK(ports(pod(translated(kPods + web_service("publishNotReadyAddresses: true") + slice), "a"))
            .size() == 2);
}

TEST_CASE("an endpoint that is no pod becomes a workload that is not captured") {
  const auto translation =
      translated(kPods + web_service() + web_slice("{addresses: [192.0.2.7], nodeName: n7}"));
  const auto outside =
      address(translation, "Kubernetes/discovery.k8s.io/EndpointSlice/shop/web-x/192.0.2.7")
          .workload();
  CHECK(outside.tunnel_protocol() == wl::NONE);
  CHECK(outside.node() == "n7");
  CHECK(ports(outside) == Ports{{80, 8080}, {90, 9099}});
}

TEST_CASE("an unnamed port of a slice serves the unnamed port of its service") {
  const auto translation = translated(
      kPods +
      "---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {ports: "
      "[{port: 80, targetPort: 1}]}\n" +
      web_slice("{addresses: [10.0.0.1], targetRef: {kind: Pod, name: a}}", "{port: 7070}"));
  CHECK(ports(pod(translation, "a")) == Ports{{80, 7070}});
}

TEST_CASE("a pod that is not ready is unhealthy") {
  auto text = pod_yaml("a", "10.0.0.1", "labels: {app: web}");
  text.replace(text.find("\"True\""), 6, "\"False\"");
  const auto a = pod(translated(text + web_service()), "a");
  CHECK(a.status() == wl::UNHEALTHY);
  CHECK(ports(a).size() == 2);
}

}  // namespace
}  // namespace culvert::mesh
