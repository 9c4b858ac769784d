// Measures what a change of the mesh costs the agent: a translation of a cluster of some size, and
// one object more. Prints one line per figure; asserts no timing.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "agent/mesh/object_store.h"
#include "agent/mesh/translator.h"
#include "ztunnel/lib/io/loop.h"

namespace culvert::mesh {
namespace {

using Json = nlohmann::json;

constexpr int kNamespaces = 20;
constexpr int kPodsPerService = 10;

Json meta(const std::string& ns, const std::string& name, Json labels) {
  return {{"name", name}, {"namespace", ns}, {"uid", "uid-" + name}, {"labels", std::move(labels)}};
}

std::string ip_of(int pod) {
  return fmt::format("10.{}.{}.{}", pod >> 16 & 255, pod >> 8 & 255, pod & 255);
}

Json pod(int number) {
  const int service = number / kPodsPerService;
  return {
      {"metadata", meta(fmt::format("ns-{}", service % kNamespaces), fmt::format("p-{}", number),
                        {{"app", fmt::format("s-{}", service)}, {"version", "v1"}})},
      {"spec", {{"nodeName", fmt::format("n-{}", number % 50)}, {"serviceAccountName", "s"}}},
      {"status", {{"phase", "Running"}, {"podIP", ip_of(number)}}}};
}

Json service(int number) {
  return {{"metadata", meta(fmt::format("ns-{}", number % kNamespaces), fmt::format("s-{}", number),
                            Json::object())},
          {"spec",
           {{"clusterIP", fmt::format("10.96.{}.{}", number >> 8, number & 255)},
            {"selector", {{"app", fmt::format("s-{}", number)}}},
            {"ports", {{{"name", "http"}, {"port", 80}, {"targetPort", 8080}}}}}}};
}

Json slice(int number) {
  auto endpoints = Json::array();
  for (int i = 0; i < kPodsPerService; ++i) {
    const int one = number * kPodsPerService + i;
    endpoints.push_back({{"addresses", {ip_of(one)}},
                         {"targetRef", {{"kind", "Pod"}, {"name", fmt::format("p-{}", one)}}}});
  }
  return {
      {"metadata", meta(fmt::format("ns-{}", number % kNamespaces), fmt::format("s-{}-x", number),
                        {{"kubernetes.io/service-name", fmt::format("s-{}", number)}})},
      {"addressType", "IPv4"},
      {"ports", {{{"name", "http"}, {"port", 8080}}}},
      {"endpoints", std::move(endpoints)}};
}

Json policy(int number) {
  return {{"metadata", meta(fmt::format("ns-{}", number % kNamespaces), fmt::format("a-{}", number),
                            Json::object())},
          {"spec",
           {{"selector", {{"matchLabels", {{"app", fmt::format("s-{}", number)}}}}},
            {"rules", {{{"from", {{{"source", {{"namespaces", {"x"}}}}}}}}}}}}};
}

double milliseconds_since(io::TimePoint start) {
  return std::chrono::duration<double, std::milli>(io::Clock::now() - start).count();
}

void measure(int pods) {
  const int services = pods / kPodsPerService;
  ObjectStore store;
  const auto put = [&](std::string_view group, std::string_view kind, const Json& tree) {
    if (!store.put(*find_kind(group, kind), tree)) {
      std::abort();
    }
  };
  for (int i = 0; i < pods; ++i) {
    put("", "Pod", pod(i));
  }
  for (int i = 0; i < services; ++i) {
    put("", "Service", service(i));
    put("discovery.k8s.io", "EndpointSlice", slice(i));
    put("security.istio.io", "AuthorizationPolicy", policy(i));
  }
  if (!store.problems().empty()) {
    std::abort();
  }
  constexpr int kRuns = 5;
  std::size_t resources = 0;
  const auto start = io::Clock::now();
  for (int i = 0; i < kRuns; ++i) {
    resources = translate(store.objects(), {.node = "n-1"}, {}).mesh.addresses.size();
  }
  std::printf("%6d pods, %5d services: translation %8.1f ms, %zu resources\n", pods, services,
              milliseconds_since(start) / kRuns, resources);
}

}  // namespace
}  // namespace culvert::mesh

int main() {
  for (const int pods : {200, 2'000, 20'000}) {
    culvert::mesh::measure(pods);
  }
  return 0;
}
