// config_dump's keys are what istioctl reads: they are checked one by one.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "ztunnel/admin/views.h"

namespace culvert::admin {
namespace {

using Json = nlohmann::ordered_json;

IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

policy::Workload server_workload() {
  policy::Workload workload;
  workload.uid = "Kubernetes//Pod/shop/server";
  workload.name = "server";
  workload.ns = "shop";
  workload.addresses = {ip("10.0.2.2"), ip("fd00::2")};
  workload.protocol = policy::TunnelProtocol::hbone;
  workload.trust_domain = "cluster.local";
  workload.service_account = "server";
  workload.waypoint = {policy::NamespacedHostname{"shop", "waypoint.shop.svc.cluster.local"},
                       15008};
  workload.node = "n2";
  workload.type = policy::WorkloadType::pod;
  workload.authorization_policies = {"shop/allow-client"};
  workload.cluster_id = "Kubernetes";
  workload.services = {{"shop/server.shop.svc.cluster.local", {{80, 8080}}}};
  workload.locality = {"r", "z", ""};
  workload.application_tunnel = policy::ApplicationTunnel{true, 0};
  return workload;
}

policy::Service server_service() {
  policy::Service service;
  service.name = "server";
  service.ns = "shop";
  service.hostname = "server.shop.svc.cluster.local";
  service.vips = {{"", ip("10.96.0.10")}};
  service.ports = {{80, 8080}};
  service.subject_alt_names = {{"cluster.local", "shop", "server"}};
  service.load_balancing.mode = policy::LoadBalancing::Mode::failover;
  service.load_balancing.preferences = {policy::Scope::network, policy::Scope::zone};
  return service;
}

policy::Authorization allow_client() {
  policy::Match match;
  match.principals = {{policy::StringMatch::Kind::exact, "cluster.local/ns/shop/sa/client"},
                      {policy::StringMatch::Kind::prefix, "cluster.local/ns/a"}};
  match.not_namespaces = {{policy::StringMatch::Kind::presence, ""}};
  match.source_ips = {Cidr::parse("10.0.0.0/8").value()};
  match.destination_ports = {8080};
  policy::Authorization policy;
  policy.name = "allow-client";
  policy.ns = "shop";
  policy.scope = policy::PolicyScope::workload_selector;
  policy.rules = {{.clauses = {{match}}}};
  return policy;
}

policy::SnapshotPtr small_mesh() {
  policy::MeshIndex index;
  const auto workload = std::make_shared<const policy::Workload>(server_workload());
  const auto service = std::make_shared<const policy::Service>(server_service());
  const auto policy = std::make_shared<const policy::Authorization>(allow_client());
  policy::Workload plain;
  plain.uid = "Kubernetes//Pod/a/plain";
  index.workloads.put(workload->uid, workload);
  index.workloads.put(plain.uid, std::make_shared<const policy::Workload>(plain));
  index.services.put(service->key(), service);
  index.endpoints.put(service->key(), std::make_shared<const policy::MeshIndex::Workloads>(
                                          policy::MeshIndex::Workloads{workload}));
  index.authorizations.put(policy->key(), policy);
  return std::make_shared<const policy::Snapshot>(index.share(), 1, 1);
}

Json parsed(const ConfigDump& dump) {
  return Json::parse(to_json(dump));
}

TEST_CASE("an empty mesh has all the keys of the dump") {
  const Json dump = parsed({.version = "0.1.0"});
  CHECK(dump["workloads"] == Json::array());
  CHECK(dump["services"] == Json::array());
  CHECK(dump["policies"] == Json::array());
  CHECK(dump["stagedServices"] == Json::object());
  CHECK(dump["staticConfig"].is_null());
  CHECK(dump["version"]["version"] == "0.1.0");
  CHECK(dump["config"] == Json::object());
  CHECK(dump["certificates"] == Json::array());
  CHECK(dump["workloadState"] == Json::object());
}

TEST_CASE("a workload is shown with Istio's keys, and empty values are left out") {
  const Json dump = parsed({.mesh = small_mesh()});
  REQUIRE(dump["workloads"].size() == 2);
  CHECK(dump["workloads"][1] == Json::parse(R"({
    "uid": "Kubernetes//Pod/shop/server",
    "workloadIps": ["10.0.2.2", "fd00::2"],
    "waypoint": {"destination": "shop/waypoint.shop.svc.cluster.local", "hboneMtlsPort": 15008},
    "protocol": "HBONE",
    "networkMode": "Standard",
    "name": "server",
    "namespace": "shop",
    "trustDomain": "cluster.local",
    "serviceAccount": "server",
    "workloadType": "pod",
    "node": "n2",
    "applicationTunnel": {"protocol": "PROXY"},
    "authorizationPolicies": ["shop/allow-client"],
    "status": "Healthy",
    "clusterId": "Kubernetes",
    "locality": {"region": "r", "zone": "z", "subzone": ""},
    "services": ["shop/server.shop.svc.cluster.local"],
    "capacity": 1
  })"));
  CHECK(dump["workloads"][0] == Json::parse(R"({
    "uid": "Kubernetes//Pod/a/plain",
    "workloadIps": [],
    "protocol": "TCP",
    "networkMode": "Standard",
    "workloadType": "deployment",
    "status": "Healthy",
    "capacity": 1
  })"));
}

TEST_CASE("a service is shown with its addresses, ports and endpoints") {
  const Json dump = parsed({.mesh = small_mesh()});
  CHECK(dump["services"] == Json::parse(R"([{
    "name": "server",
    "namespace": "shop",
    "hostname": "server.shop.svc.cluster.local",
    "vips": ["/10.96.0.10"],
    "ports": {"80": 8080},
    "endpoints": {"Kubernetes//Pod/shop/server": {
      "workloadUid": "Kubernetes//Pod/shop/server", "port": {"80": 8080}, "status": "Healthy"}},
    "subjectAltNames": ["spiffe://cluster.local/ns/shop/sa/server"],
    "loadBalancer": {"routingPreferences": ["Network", "Zone"], "mode": "Failover",
                     "healthPolicy": "OnlyHealthy"},
    "visibility": "Public"
  }])"));
}

TEST_CASE("a policy is shown as rules of clauses of matches") {
  const Json dump = parsed({.mesh = small_mesh()});
  CHECK(dump["policies"] == Json::parse(R"([{
    "name": "allow-client",
    "namespace": "shop",
    "scope": "WorkloadSelector",
    "action": "Allow",
    "rules": [[[{
      "notNamespaces": ["Presence"],
      "principals": [{"Exact": "cluster.local/ns/shop/sa/client"}, {"Prefix": "cluster.local/ns/a"}],
      "sourceIps": ["10.0.0.0/8"],
      "destinationPorts": [8080]
    }]]],
    "dryRun": false
  }])"));
}

TEST_CASE("certificates carry base64 of their PEM and times in UTC") {
  const CertificateItem leaf{
      .pem = "PEM",
      .serial_number = "1234",
      .valid_from = std::chrono::system_clock::from_time_t(1'700'000'000),
      .expiration_time = std::chrono::system_clock::from_time_t(1'700'086'400)};
  const Json dump = parsed({.certificates = {{.identity = "spiffe://cluster.local/ns/b/sa/b",
                                              .state = "Initializing",
                                              .cert_chain = {},
                                              .root_certs = {}},
                                             {.identity = "spiffe://cluster.local/ns/a/sa/a",
                                              .state = "Available",
                                              .cert_chain = {leaf},
                                              .root_certs = {}}}});
  CHECK(dump["certificates"] == Json::parse(R"([{
    "identity": "spiffe://cluster.local/ns/a/sa/a",
    "state": "Available",
    "certChain": [{"pem": "UEVN", "serialNumber": "1234", "validFrom": "2023-11-14T22:13:20Z",
                   "expirationTime": "2023-11-15T22:13:20Z"}],
    "rootCerts": []
  }, {"identity": "spiffe://cluster.local/ns/b/sa/b", "state": "Initializing", "certChain": [],
      "rootCerts": []}])"));
}

TEST_CASE("pods are shown by uid with their connections") {
  const ConnectionView connection{.src = SocketAddress::parse("10.0.1.2:4000").value(),
                                  .original_dst = SocketAddress::parse("10.96.0.10:80").value(),
                                  .actual_dst = SocketAddress::parse("[fd00::2]:8080").value(),
                                  .protocol = ConnectionProtocol::hbone};
  const Json dump = parsed({.pods = {{.uid = "u1",
                                      .state = PodState::up,
                                      .name = "client",
                                      .ns = "shop",
                                      .service_account = "client",
                                      .inbound = {},
                                      .outbound = {connection}}}});
  CHECK(dump["workloadState"] == Json::parse(R"({"u1": {
    "state": "Up",
    "info": {"name": "client", "namespace": "shop", "serviceAccount": "client"},
    "connections": {"inbound": [], "outbound": [{
      "src": "10.0.1.2:4000", "originalDst": "10.96.0.10:80", "actualDst": "[fd00::2]:8080",
      "protocol": "HBONE"}]}
  }})"));
}

TEST_CASE("bytes that are not UTF-8 do not break the dump") {
  const Json dump = parsed({.config = {{"node", "a\xff"}}});
  CHECK(dump["config"]["node"] == "a\xef\xbf\xbd");
}

}  // namespace
}  // namespace culvert::admin
