// The mesh of the tests of this room, as YAML text, and the way through the translator.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>
#include <string>
#include <vector>

#include "agent/mesh/translator.h"
#include "agent/mesh/yaml_file.h"
#include "ztunnel/lib/control/proto/authorization.pb.h"
#include "ztunnel/lib/control/proto/workload.pb.h"

namespace culvert::mesh {

namespace wl = istio::workload;
namespace sec = istio::security;

// ambient_namespace is the namespace shop, in the mesh.
inline std::string ambient_namespace() {
  return "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: "
         "{istio.io/dataplane-mode: ambient}}\n";
}

// pod_yaml is a running pod of namespace shop on node n1; `extra` goes into its metadata.
inline std::string pod_yaml(const std::string& name, const std::string& ip,
                            const std::string& extra = "labels: {}",
                            const std::string& node = "n1") {
  return fmt::format(R"(---
apiVersion: v1
kind: Pod
metadata:
  name: {0}
  namespace: shop
  uid: uid-{0}
  {2}
spec:
  nodeName: {3}
  serviceAccountName: {0}-account
  containers:
  - name: main
    ports:
    - {{name: web, containerPort: 8080}}
    - {{name: dns, containerPort: 53, protocol: UDP}}
status:
  phase: Running
  podIP: {1}
  podIPs: [{{ip: "{1}"}}]
  conditions:
  - {{type: Ready, status: "True"}}
)",
                     name, ip, extra, node);
}

// read reads text that must have nothing wrong with it.
inline Objects read(const std::string& text) {
  auto file = read_yaml("shop.yaml", text);
  for (const auto& problem : file.problems) {
    FAIL_CHECK(problem.sentence);
  }
  return std::move(file.objects);
}

inline std::vector<std::string> sentences(const std::vector<Problem>& problems) {
  std::vector<std::string> result;
  for (const auto& problem : problems) {
    result.push_back(problem.sentence);
  }
  return result;
}

inline MeshOptions on_node(const std::string& node) {
  return {.node = node};
}

inline Translation translated(const std::string& text, const std::set<std::string>& enrolled = {}) {
  return translate(read(text), on_node("n1"), enrolled);
}

inline wl::Address address(const Translation& translation, const std::string& name) {
  wl::Address result;
  const auto found = translation.mesh.addresses.find(name);
  REQUIRE_MESSAGE(found != translation.mesh.addresses.end(), name);
  REQUIRE(result.ParseFromString(found->second.value));
  return result;
}
inline wl::Workload pod(const Translation& translation, const std::string& name) {
  return address(translation, "Kubernetes//Pod/shop/" + name).workload();
}
inline wl::Service service(const Translation& translation, const std::string& name) {
  return address(translation, "shop/" + name + ".shop.svc.cluster.local").service();
}
inline sec::Authorization policy(const Translation& translation, const std::string& name) {
  sec::Authorization result;
  const auto found = translation.mesh.authorizations.find(name);
  REQUIRE_MESSAGE(found != translation.mesh.authorizations.end(), name);
  REQUIRE(result.ParseFromString(found->second.value));
  return result;
}

inline std::vector<std::string> listed_policies(const wl::Workload& workload) {
  return {workload.authorization_policies().begin(), workload.authorization_policies().end()};
}

}  // namespace culvert::mesh
