// Builds small meshes through the same door as xDS does: protobuf bytes into a Store.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "ztunnel/lib/control/proto/authorization.pb.h"
#include "ztunnel/lib/control/proto/workload.pb.h"
#include "ztunnel/lib/policy/store.h"

namespace culvert::policy {

namespace wl = istio::workload;
namespace sec = istio::security;

inline IpAddress ip(std::string_view text) {
  return *IpAddress::parse(text);
}
inline SocketAddress at(std::string_view text) {
  return *SocketAddress::parse(text);
}
inline std::string octets(std::string_view text) {
  return std::string(as_text(ip(text).octets()));
}
inline std::string uid(const std::string& name) {
  return "Kubernetes//Pod/shop/" + name;
}

// pod makes a captured pod of namespace shop with service account `name`.
inline wl::Workload pod(const std::string& name, const std::string& address) {
  wl::Workload workload;
  workload.set_uid(uid(name));
  workload.set_name(name);
  workload.set_namespace_("shop");
  workload.set_service_account(name);
  workload.set_tunnel_protocol(wl::HBONE);
  if (!address.empty()) {
    workload.add_addresses(octets(address));
  }
  return workload;
}

// serve makes `workload` an endpoint of the service, at its own target port if one is given.
inline void serve(wl::Workload& workload, const std::string& service, std::uint32_t port = 80,
                  std::uint32_t target = 8080) {
  auto& entry =
      *(*workload.mutable_services())["shop/" + service + ".shop.svc.cluster.local"].add_ports();
  entry.set_service_port(port);
  entry.set_target_port(target);
}

inline wl::Service service(const std::string& name, const std::string& vip,
                           std::uint32_t port = 80) {
  wl::Service result;
  result.set_name(name);
  result.set_namespace_("shop");
  result.set_hostname(name + ".shop.svc.cluster.local");
  result.add_addresses()->set_address(octets(vip));
  auto& entry = *result.add_ports();
  entry.set_service_port(port);
  entry.set_target_port(8080);
  return result;
}

struct SmallMesh {
  Store store;

  std::vector<Problem> put(const wl::Workload& workload) {
    wl::Address address;
    *address.mutable_workload() = workload;
    return put_bytes(workload.uid(), address.SerializeAsString());
  }
  std::vector<Problem> put(const wl::Service& service) {
    wl::Address address;
    *address.mutable_service() = service;
    return put_bytes(service.namespace_() + "/" + service.hostname(), address.SerializeAsString());
  }
  std::vector<Problem> put_bytes(const std::string& name, const std::string& bytes) {
    const std::vector<ResourceBytes> added{{name, as_bytes(bytes)}};
    return store.apply_addresses(added, {});
  }
  std::vector<Problem> put(const sec::Authorization& policy) {
    const auto name = policy.namespace_() + "/" + policy.name();
    return put_policy_bytes(name, policy.SerializeAsString());
  }
  std::vector<Problem> put_policy_bytes(const std::string& name, const std::string& bytes) {
    const std::vector<ResourceBytes> added{{name, as_bytes(bytes)}};
    return store.apply_authorizations(added, {});
  }
  void remove(const std::string& name) { store.apply_addresses({}, std::vector{name}); }
  void remove_policy(const std::string& name) { store.apply_authorizations({}, std::vector{name}); }

  SnapshotPtr snapshot() { return store.snapshot(); }
  WorkloadPtr get(const std::string& name) { return snapshot()->workload(uid(name)); }
};

}  // namespace culvert::policy
