// YAML by hand: the texts are what a reader of Kubernetes knows, so they stand here as they are.
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/objects.h"

#include <fmt/format.h>

#include "tests/support/node.h"
#include "tests/support/paths.h"

namespace culvert::lab {

namespace {

std::string policy_yaml(std::string_view name, std::string_view action, const Pod& source,
                        const Pod& target);

}  // namespace

std::string ServiceSpec::url(std::string_view path) const {
  return fmt::format("http://{}:{}{}", vip4, port, path);
}

std::string ServiceSpec::url6(std::string_view path) const {
  return fmt::format("http://[{}]:{}{}", vip6, port, path);
}

std::string namespace_yaml() {
  return fmt::format(R"(apiVersion: v1
kind: Namespace
metadata:
  name: {}
  labels:
    istio.io/dataplane-mode: ambient
)",
                     kNamespace);
}

std::string pod_yaml(const Pod& pod) {
  const PodSpec& spec = pod.spec();
  std::string annotations;
  if (spec.meshed) {
    annotations += "    ambient.istio.io/redirection: enabled\n";
  }
  for (const auto& [name, value] : spec.annotations) {
    annotations += fmt::format("    {}: \"{}\"\n", name, value);
  }
  return fmt::format(R"(apiVersion: v1
kind: ServiceAccount
metadata:
  name: {account}
  namespace: {ns}
---
apiVersion: v1
kind: Pod
metadata:
  name: {name}
  namespace: {ns}
  uid: {uid}
  labels:
    app: {name}
    istio.io/dataplane-mode: {mode}
  annotations:
{annotations}spec:
  nodeName: {node}
  serviceAccountName: {account}
  containers:
  - name: {name}
    image: none
status:
  phase: Running
  hostIP: {host}
  podIP: {ip4}
  podIPs:
  - ip: {ip4}
  - ip: {ip6}
  conditions:
  - type: Ready
    status: "True"
)",
                     fmt::arg("account", spec.service_account), fmt::arg("ns", kNamespace),
                     fmt::arg("name", spec.name), fmt::arg("uid", spec.uid),
                     fmt::arg("mode", spec.meshed ? "ambient" : "none"),
                     fmt::arg("annotations", annotations.empty() ? "    {}\n" : annotations),
                     fmt::arg("node", pod.node().name()), fmt::arg("host", pod.node().ip4()),
                     fmt::arg("ip4", spec.ip4), fmt::arg("ip6", spec.ip6));
}

std::string service_yaml(const ServiceSpec& service) {
  std::string text =
      fmt::format(R"(apiVersion: v1
kind: Service
metadata:
  name: {name}
  namespace: {ns}
spec:
  type: ClusterIP
  clusterIP: {vip4}
  clusterIPs:
  - {vip4}
  - "{vip6}"
  ipFamilies:
  - IPv4
  - IPv6
  ipFamilyPolicy: PreferDualStack
  selector:
    service: {name}
  ports:
  - name: main
    port: {port}
    protocol: TCP
    targetPort: {target}
)",
                  fmt::arg("name", service.name), fmt::arg("ns", kNamespace),
                  fmt::arg("vip4", service.vip4), fmt::arg("vip6", service.vip6),
                  fmt::arg("port", service.port), fmt::arg("target", service.target_port));
  for (const bool six : {false, true}) {
    text += fmt::format(R"(---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: {name}-{family}
  namespace: {ns}
  labels:
    kubernetes.io/service-name: {name}
addressType: {type}
ports:
- name: main
  port: {target}
  protocol: TCP
endpoints:
)",
                        fmt::arg("name", service.name), fmt::arg("family", six ? "v6" : "v4"),
                        fmt::arg("ns", kNamespace), fmt::arg("type", six ? "IPv6" : "IPv4"),
                        fmt::arg("target", service.target_port));
    for (const Pod* pod : service.backends) {
      text += fmt::format(R"(- addresses:
  - "{address}"
  nodeName: {node}
  conditions:
    ready: true
    serving: true
    terminating: false
  targetRef:
    kind: Pod
    name: {name}
    namespace: {ns}
    uid: {uid}
)",
                          fmt::arg("address", six ? pod->ip6() : pod->ip4()),
                          fmt::arg("node", pod->node().name()), fmt::arg("name", pod->name()),
                          fmt::arg("ns", kNamespace), fmt::arg("uid", pod->spec().uid));
    }
  }
  return text;
}

std::string strict_yaml() {
  return fmt::format(R"(apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: strict
  namespace: {}
spec:
  mtls:
    mode: STRICT
)",
                     kNamespace);
}

std::string deny_yaml(std::string_view name, const Pod& source, const Pod& target) {
  return policy_yaml(name, "DENY", source, target);
}

std::string allow_yaml(std::string_view name, const Pod& source, const Pod& target) {
  return policy_yaml(name, "ALLOW", source, target);
}

namespace {

std::string policy_yaml(std::string_view name, std::string_view action, const Pod& source,
                        const Pod& target) {
  return fmt::format(R"(apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: {name}
  namespace: {ns}
spec:
  selector:
    matchLabels:
      app: {target}
  action: {action}
  rules:
  - from:
    - source:
        principals:
        - cluster.local/ns/{ns}/sa/{account}
)",
                     fmt::arg("name", name), fmt::arg("ns", kNamespace),
                     fmt::arg("target", target.name()), fmt::arg("action", action),
                     fmt::arg("account", source.spec().service_account));
}

}  // namespace

}  // namespace culvert::lab
