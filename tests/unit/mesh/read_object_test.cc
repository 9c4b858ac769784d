// Objects as the API server sends them: JSON, where numbers and booleans are no texts.
// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/read_object.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/mesh/shop.h"

namespace culvert::mesh {
namespace {

using Json = nlohmann::json;

ReadObjects read_json(const char* text) {
  ReadObjects read;
  read_object("", Json::parse(text), read);
  return read;
}

TEST_CASE("a pod with numbers and booleans is read as the one with texts is") {
  const auto from_json = read_json(R"({
    "apiVersion": "v1", "kind": "Pod",
    "metadata": {"name": "a", "namespace": "shop", "uid": "uid-a", "labels": {"app": "web"},
                 "creationTimestamp": "2026-11-25T10:00:00Z",
                 "ownerReferences": [{"kind": "Job", "name": "j", "controller": true}]},
    "spec": {"nodeName": "n1", "hostNetwork": true, "serviceAccountName": "s",
             "containers": [{"ports": [{"name": "web", "containerPort": 8080}]}]},
    "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}]}})");
  const auto from_yaml = read_yaml("", R"(
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: shop, uid: uid-a, labels: {app: web},
           creationTimestamp: "2026-11-25T10:00:00Z",
           ownerReferences: [{kind: Job, name: j, controller: true}]}
spec: {nodeName: n1, hostNetwork: true, serviceAccountName: s,
       containers: [{ports: [{name: web, containerPort: 8080}]}]}
status: {phase: Running, podIPs: [{ip: 10.0.0.1}]}
)");
  CHECK(from_json.problems.empty());
  const auto& pod = from_json.objects.pods.at({"shop", "a"});
  CHECK(pod.host_network);
  CHECK(pod.owner.has_value());
  CHECK(pod.named_ports.at("web") == 8080);
  CHECK(pod == from_yaml.objects.pods.at({"shop", "a"}));
}

TEST_CASE("a service of the API server has its ports, numbers and names alike") {
  const auto read = read_json(R"({
    "apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "shop"},
    "spec": {"clusterIPs": ["10.96.0.1"], "publishNotReadyAddresses": true,
             "ports": [{"port": 80, "targetPort": 8080}, {"port": 81, "targetPort": "web"}]}})");
  const auto& service = read.objects.services.at({"shop", "s"});
  CHECK(service.publish_not_ready);
  REQUIRE(service.ports.size() == 2);
  CHECK(service.ports[0].target_port == 8080);
  CHECK(service.ports[1].target_name == "web");
}

TEST_CASE("numbers that are no ports are refused in JSON too") {
  for (const auto* port : {"0", "-1", "65536", "80.5", "true", "null", "[80]"}) {
    CAPTURE(port);
    const auto text = fmt::format(
        R"({{"apiVersion": "v1", "kind": "Service", "metadata": {{"name": "s"}},
            "spec": {{"ports": [{{"port": {}}}]}}}})",
        port);
    CHECK(read_json(text.c_str()).rejected.size() == 1);
  }
}

TEST_CASE("a selector whose label is no text is not understood, in a policy and for its peers") {
  const auto policy = read_json(R"({
    "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
    "metadata": {"name": "p", "namespace": "shop"},
    "spec": {"action": "DENY", "selector": {"matchLabels": {"app": ["web"]}},
             "rules": [{"from": [{"source": {"namespaces": ["back"]}}]}]}})");
  CHECK(policy.problems.size() == 1);
  const auto& read = policy.objects.authorization_policies.at({"shop", "p"});
  CHECK_FALSE(read.selector.has_value());
  CHECK(read.l4.rules(0).clauses().empty());  // everything in the namespace
  const auto peer = read_json(R"({
    "apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
    "metadata": {"name": "p", "namespace": "shop"},
    "spec": {"mtls": {"mode": "PERMISSIVE"}, "selector": {"matchLabels": {"app": {}}}}})");
  CHECK(peer.objects.peer_authentications.at({"shop", "p"}).unreadable);
}

TEST_CASE("an object without a file is named by its kind and name alone") {
  const auto read = read_json(R"({"apiVersion": "v1", "kind": "Pod",
    "metadata": {"name": "a", "namespace": "shop", "uid": "u"}, "status": {"podIP": "x"}})");
  CHECK(sentences(read.problems) ==
        std::vector<std::string>{"Pod shop/a: status.podIPs: \"x\" is not an IP address; correct "
                                 "it, until then what it was before stays in force"});
}

TEST_CASE("no tree whatever ends the process") {
  for (const auto* text : {"null", "1", "[]", "\"x\"", R"({"kind": "Pod", "apiVersion": 1})",
                           R"({"kind": "Pod", "apiVersion": "v1", "metadata": [1]})",
                           R"({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": 1, "uid": 2,
                               "labels": [], "annotations": 7}, "spec": 1.5, "status": []})"}) {
    CAPTURE(text);
    const auto read = read_json(text);
    CHECK(read.problems.size() + read.objects.count() == 1);
  }
}

TEST_CASE("of the annotations only those are kept that the mesh reads") {
  const auto read = read_json(R"({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x",
    "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}",
                    "ambient.istio.io/redirection": "enabled"}}})");
  CHECK(read.objects.namespaces.at({"", "x"}).meta.annotations ==
        Labels{{"ambient.istio.io/redirection", "enabled"}});
}

}  // namespace
}  // namespace culvert::mesh
