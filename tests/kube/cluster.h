// A cluster of one node without a kubelet: a real API server, and in the node's namespace before
// it the real agent and ztunnel. Pods are objects that somebody creates; one that is to be captured
// has a network namespace as well.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/api_server.h"
#include "tests/support/lab_error.h"
#include "tests/support/mesh.h"
#include "tests/support/paths.h"

namespace culvert::lab {

class Cluster {
 public:
  explicit Cluster(std::string_view name)
      : mesh(name),
        node(mesh.node("east")),
        api({.place = {.netns = node.paths().netns, .cgroup = {}}, .address = node.ip4()}) {
    api.must_kubectl({"apply", "-k", source_folder() + "/manifests/kustomize/base"});
    api.must_kubectl({"create", "namespace", std::string(kNamespace)});
  }

  // start_agent ends an earlier one. It is the service account of the manifests, with its rights.
  void start_agent() {
    node.agent().kill();
    node.follow_cluster(api.kubeconfig_for("system:serviceaccount:culvert-system:culvert-agent"));
    node.start_agent();
  }

  // certify_by_signers starts culvert-signers, from which the agents of `on` get certificates from
  // now on. Each agent is known by a pod of its own.
  void certify_by_signers(int replicas, const std::vector<Node*>& on, const Command& flags = {}) {
    const auto account = api.kubeconfig_for("system:serviceaccount:culvert-system:culvert-signer");
    for (int i = 0; i < replicas; ++i) {
      Command command{program("culvert-signer"),
                      "--kubeconfig",
                      account,
                      "--readiness-port",
                      "0",
                      "--metrics-port",
                      "0"};
      command.insert(command.end(), flags.begin(), flags.end());
      signers.push_back(Process::start({.netns = node.paths().netns, .cgroup = {}}, command,
                                       fmt::format("{}/signer-{}.log", api.folder(), i)));
    }
    for (Node* each : on) {
      const auto pod = "agent-" + each->name();
      api.apply(fmt::format(R"({{apiVersion: v1, kind: Pod,
 metadata: {{name: {}, namespace: culvert-system}}, spec: {{nodeName: {},
 serviceAccountName: culvert-agent, containers: [{{name: a, image: a}}]}}}})",
                            pod, each->name()));
      each->follow_cluster(api.kubeconfig_of("culvert-system", pod, "culvert-agent"),
                           /* certified_by_it= */ true);
    }
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

  // pod makes one that can be captured: the object, and its network namespace on `on`.
  Pod& pod(const std::string& name, const std::string& on = "east") {
    Pod& made = mesh.pod(name, on);
    create_pod(name, made.ip4(), on);
    return made.with_uid(of_pod(name, "{.metadata.uid}"));
  }

  // annotation gives the one by which others know that a pod is captured.
  std::string annotation(std::string_view name) const {
    return of_pod(name, R"({.metadata.annotations.ambient\.istio\.io/redirection})");
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
  std::vector<Process> signers;

 private:
  static nlohmann::json parsed(const std::string& text) {
    auto json = nlohmann::json::parse(text, nullptr, false);
    return json.is_object() ? json : nlohmann::json::object();
  }
  inline static const nlohmann::json kNone = nlohmann::json::array();
};

}  // namespace culvert::lab
