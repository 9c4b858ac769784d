// One node of a small mesh without a kernel: what a test needs to run the real proxy, TLS and
// HTTP/2 over pipes. The mesh has two pods of the namespace demo, `client` and `server`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "ztunnel/lib/control/proto/authorization.pb.h"
#include "ztunnel/lib/control/proto/workload.pb.h"
#include "ztunnel/lib/tls/authority.h"
#include "ztunnel/lib/tls/key.h"
#include "ztunnel/proxy/context.h"

namespace culvert::sim {

inline SocketAddress at(const char* text) {
  return *SocketAddress::parse(text);
}

inline const SocketAddress kClient = at("10.0.0.1:40000");
inline const SocketAddress kServer = at("10.0.0.2:8080");
inline const SocketAddress kTunnel = at("10.0.0.2:15008");

// One identity for each pod, made once: key generation is not what is tested here.
inline proxy::IdentityPtr identity_of(const std::string& service_account) {
  static const auto authority =
      *tls::CertificateAuthority::create("sim", std::chrono::system_clock::now());
  const SpiffeId id{"cluster.local", "demo", service_account};
  const auto key = *tls::generate_key();
  const auto leaf = *authority.sign(*tls::make_csr(key, id), id, std::chrono::system_clock::now());
  return *tls::WorkloadIdentity::make(key, std::vector<std::string>{leaf}, authority.root_pem());
}

inline std::string workload_resource(const std::string& name, const SocketAddress& address) {
  istio::workload::Address resource;
  auto& workload = *resource.mutable_workload();
  workload.set_uid("Kubernetes//Pod/demo/" + name);
  workload.set_name(name);
  workload.set_namespace_("demo");
  workload.set_service_account(name);
  workload.set_tunnel_protocol(istio::workload::HBONE);
  const auto octets = address.ip.octets();
  workload.add_addresses(std::string(octets.begin(), octets.end()));
  return resource.SerializeAsString();
}

inline std::string deny_client_resource() {
  istio::security::Authorization policy;
  policy.set_name("deny-client");
  policy.set_namespace_("demo");
  policy.set_scope(istio::security::NAMESPACE);
  policy.set_action(istio::security::DENY);
  policy.add_rules()->add_clauses()->add_matches()->add_principals()->set_exact(
      "cluster.local/ns/demo/sa/client");
  return policy.SerializeAsString();
}

inline proxy::PodPtr pod(const std::string& name) {
  auto made = std::make_shared<proxy::Pod>();
  made->uid = "uid-" + name;
  made->name = name;
  made->ns = "demo";
  made->service_account = name;
  return made;
}

// One node: a context of the proxy with everything that it refers to.
struct Node {
  Node(io::Loop& loop, proxy::Network& network)
      : mesh(loop),
        tracker(loop, metrics.add_worker()),
        context{loop, network, mesh, tracker, rng, offences} {}
  obs::Metrics metrics{"sim", "0"};
  proxy::MeshView mesh;
  proxy::Tracker tracker;
  Rng rng{1};
  proxy::Offences offences{metrics};
  proxy::Context context;
};

}  // namespace culvert::sim
