// A cluster of one node without a kubelet: a real API server, and in the node's namespace before
// it the real agent and ztunnel. Pods are objects that somebody creates; one that is to be captured
// has a network namespace as well.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tests/support/api_server.h"
#include "tests/support/lab_error.h"
#include "tests/support/mesh.h"
#include "tests/support/paths.h"

namespace culvert::lab {

// What the agent may do, and no more: one row a rule. Each is missed by a test when it is gone.
struct Right {
  const char* group;
  const char* resource;
  const char* verbs;
};
inline constexpr Right kAgentRights[] = {
    {"", "namespaces", "list, watch"},
    {"", "nodes", "list, watch"},
    {"", "pods", "list, watch"},
    {"", "services", "list, watch"},
    {"discovery.k8s.io", "endpointslices", "list, watch"},
    {"security.istio.io", "authorizationpolicies", "list, watch"},
    {"security.istio.io", "peerauthentications", "list, watch"},
    {"gateway.networking.k8s.io", "gateways", "list, watch"},
    {"", "pods/status", "patch"},
    {"", "events", "create"},
};

class Cluster {
 public:
  explicit Cluster(std::string_view name)
      : mesh(name),
        node(mesh.node("east")),
        api({.place = {.netns = node.paths().netns, .cgroup = {}}, .address = {}}) {
    grant();
    api.must_kubectl({"create", "namespace", std::string(kNamespace)});
  }

  // grant gives the agent its rights, without those on `but`, and waits until the server has heard.
  void grant(std::string_view but = {}) const {
    std::string rules;
    for (const auto& right : kAgentRights) {
      if (right.resource != but) {
        rules += fmt::format("- {{apiGroups: [\"{}\"], resources: [{}], verbs: [{}]}}\n",
                             right.group, right.resource, right.verbs);
      }
    }
    api.apply(fmt::format(R"(apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: culvert-agent}}
rules:
{}---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: culvert-agent}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: culvert-agent}}
subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: culvert-agent}}]
)",
                          rules));
    for (const auto& right : kAgentRights) {
      expect(eventually(30s, [&] { return may(right) != (right.resource == but); }),
             "the API server does not take the agent's role without '{}': {}", but, right.resource);
    }
  }

  // start_agent ends an earlier one.
  void start_agent() {
    node.agent().kill();
    node.follow_cluster(api.kubeconfig_for("culvert-agent"));
    node.start_agent();
  }

  void label_namespace(std::string_view mode) const {
    api.must_kubectl({"label", "--overwrite", "namespace", std::string(kNamespace),
                      fmt::format("istio.io/dataplane-mode={}", mode)});
  }

  // create_pod makes the object of a pod that runs on `on`; `labels` is the inside of a YAML map.
  void create_pod(std::string_view name, std::string_view ip, std::string_view on = "east",
                  std::string_view labels = {}, bool host_network = false) const {
    api.apply(fmt::format(R"(apiVersion: v1
kind: ServiceAccount
metadata: {{name: {name}, namespace: {ns}}}
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: {ns}, labels: {{{labels}}}}}
spec:
  nodeName: {node}
  hostNetwork: {host}
  serviceAccountName: {name}
  containers: [{{name: main, image: none}}]
)",
                          fmt::arg("name", name), fmt::arg("ns", kNamespace),
                          fmt::arg("labels", labels), fmt::arg("node", on),
                          fmt::arg("host", host_network)));
    api.must_kubectl({"patch", "pod", std::string(name), "-n", std::string(kNamespace),
                      "--subresource=status", "--type=merge", "-p",
                      fmt::format(R"({{"status":{{"phase":"Running","podIP":"{0}","podIPs":[)"
                                  R"({{"ip":"{0}"}}],"conditions":[)"
                                  R"({{"type":"Ready","status":"True"}}]}}}})",
                                  ip)});
  }

  // of_pod gives a field of a pod's object by its JSON path, "{.metadata.uid}".
  std::string of_pod(std::string_view name, std::string_view path) const {
    return api.must_kubectl({"get", "pod", std::string(name), "-n", std::string(kNamespace), "-o",
                             fmt::format("jsonpath={}", path)});
  }

  void delete_pod(std::string_view name) const {
    api.must_kubectl({"delete", "pod", std::string(name), "-n", std::string(kNamespace), "--force",
                      "--grace-period=0"});
  }

  nlohmann::json status() const { return parsed(node.ask_agent("/status")); }
  bool complete() const { return status().value("complete", false); }
  std::string source() const { return status().value("source", ""); }
  bool has_error(std::string_view words) const {
    return node.ask_agent("/errors").find(words) != std::string::npos;
  }
  // entry gives what ztunnel knows of one `list`ed thing ("workloads", "services", "policies"), an
  // empty object if it does not know it.
  nlohmann::json entry(const char* list, std::string_view name) const {
    for (const auto& one : parsed(node.ask_ztunnel("/config_dump")).value(list, kNone)) {
      if (one.value("name", "") == name) {
        return one;
      }
    }
    return nlohmann::json::object();
  }
  bool knows(const char* list, std::string_view name) const { return !entry(list, name).empty(); }

  Mesh mesh;
  Node& node;
  ApiServer api;  // it lives in the node's namespace, and so ends before it

 private:
  // may asks the API server, which knows of rights to kinds that are not installed too.
  bool may(const Right& right) const {
    const std::string_view verbs = right.verbs;
    const std::string_view resource = right.resource;
    const auto slash = std::min(resource.find('/'), resource.size());
    const nlohmann::json review = {
        {"apiVersion", "authorization.k8s.io/v1"},
        {"kind", "SubjectAccessReview"},
        {"spec",
         {{"user", "culvert-agent"},
          {"resourceAttributes",
           {{"group", right.group},
            {"resource", resource.substr(0, slash)},
            {"subresource", slash == resource.size() ? "" : resource.substr(slash + 1)},
            {"verb", verbs.substr(0, verbs.find(','))}}}}}};
    return api.must_kubectl({"create", "-f", "-", "-o", "jsonpath={.status.allowed}"},
                            review.dump()) == "true";
  }
  static nlohmann::json parsed(const std::string& text) {
    auto json = nlohmann::json::parse(text, nullptr, false);
    return json.is_object() ? json : nlohmann::json::object();
  }
  inline static const nlohmann::json kNone = nlohmann::json::array();
};

}  // namespace culvert::lab
