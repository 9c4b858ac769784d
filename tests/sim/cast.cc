// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/cast.h"

#include <array>

#include "tests/sim/stage.h"
#include "ztunnel/lib/control/proto/authorization.pb.h"
#include "ztunnel/lib/control/proto/workload.pb.h"
#include "ztunnel/lib/tls/authority.h"
#include "ztunnel/lib/tls/key.h"

namespace culvert::sim {
namespace {

using Certificates = std::array<std::array<proxy::IdentityPtr, kCertificates>, kPods>;

std::string name_of(std::size_t who) {
  return "pod-" + std::to_string(who);
}

Certificates make_certificates() {
  const auto now = std::chrono::system_clock::now();
  const auto authority = *tls::CertificateAuthority::create("sim", now);
  Certificates made;
  for (std::size_t pod = 0; pod < kPods; ++pod) {
    for (auto& certificate : made[pod]) {
      const auto key = *tls::generate_key();
      const auto leaf = *authority.sign(*tls::make_csr(key, spiffe_of(pod)), spiffe_of(pod), now);
      certificate =
          *tls::WorkloadIdentity::make(key, std::vector<std::string>{leaf}, authority.root_pem());
    }
  }
  return made;
}

}  // namespace

SpiffeId spiffe_of(std::size_t pod) {
  return {"cluster.local", "demo", name_of(pod)};
}

proxy::IdentityPtr certificate_of(std::size_t pod, std::size_t which) {
  static const Certificates kMade = make_certificates();
  return kMade[pod][which];
}

proxy::PodPtr make_pod(std::size_t pod) {
  auto made = std::make_shared<proxy::Pod>();
  made->uid = uid_of(pod);
  made->name = name_of(pod);
  made->ns = "demo";
  made->service_account = name_of(pod);
  return made;
}

std::string uid_of(std::size_t pod) {
  return "uid-" + name_of(pod);
}

std::string record_name(std::size_t pod) {
  return "Kubernetes//Pod/demo/" + name_of(pod);
}

std::string record_of(std::size_t pod) {
  istio::workload::Address resource;
  auto& workload = *resource.mutable_workload();
  workload.set_uid(record_name(pod));
  workload.set_name(name_of(pod));
  workload.set_namespace_("demo");
  workload.set_service_account(name_of(pod));
  workload.set_tunnel_protocol(istio::workload::HBONE);
  const auto address = Stage::address_of(pod);
  const auto octets = address.octets();
  workload.add_addresses(std::string(octets.begin(), octets.end()));
  return resource.SerializeAsString();
}

std::string deny_name(std::size_t source) {
  return "demo/deny-" + name_of(source);
}

std::string deny_of(std::size_t source, bool by_address) {
  istio::security::Authorization policy;
  policy.set_name("deny-" + name_of(source));
  policy.set_namespace_("demo");
  policy.set_scope(istio::security::NAMESPACE);
  policy.set_action(istio::security::DENY);
  auto& match = *policy.add_rules()->add_clauses()->add_matches();
  if (by_address) {
    const auto from = Stage::address_of(source);
    const auto octets = from.octets();
    auto& block = *match.add_source_ips();
    block.set_address(std::string(octets.begin(), octets.end()));
    block.set_length(32);
  } else {
    match.add_principals()->set_exact("cluster.local/ns/demo/sa/" + name_of(source));
  }
  return policy.SerializeAsString();
}

}  // namespace culvert::sim
