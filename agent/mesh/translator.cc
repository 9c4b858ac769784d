// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/translator.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>

#include "agent/mesh/address_resources.h"
#include "agent/mesh/membership.h"
#include "agent/mesh/peer_authentication.h"
#include "agent/mesh/waypoints.h"

namespace culvert::mesh {
namespace {

namespace security = istio::security;

// version_of is the 64-bit FNV-1a hash of the bytes and their count. It tells one version of a
// resource from another; nobody gains by making two collide but the author of both.
std::string version_of(const std::string& bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) {
    hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
  }
  return fmt::format("{:016x}-{}", hash, bytes.size());
}

// Equal messages must give equal bytes, and maps have no order of their own.
Resource resource_of(const google::protobuf::MessageLite& message) {
  Resource resource;
  {
    google::protobuf::io::StringOutputStream out(&resource.value);
    google::protobuf::io::CodedOutputStream coded(&out);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  resource.version = version_of(resource.value);
  return resource;
}

void add(istio::workload::Workload workload, Resources& to) {
  const auto name = workload.uid();
  istio::workload::Address address;
  *address.mutable_workload() = std::move(workload);
  to[name] = resource_of(address);
}

void add(const security::Authorization& policy, Resources& to) {
  to[policy.namespace_() + "/" + policy.name()] = resource_of(policy);
}

security::Authorization with_scope(const AuthorizationPolicy& policy, const MeshOptions& options) {
  auto result = policy.l4;
  result.set_scope(policy.selector                            ? security::WORKLOAD_SELECTOR
                   : policy.meta.ns == options.root_namespace ? security::GLOBAL
                                                              : security::NAMESPACE);
  return result;
}

LocalPod local_pod_of(const Pod& pod, const MeshOptions& options) {
  return {.uid = pod.meta.uid,
          .ns = pod.meta.ns,
          .name = pod.meta.name,
          .service_account = pod.service_account,
          .trust_domain = options.trust_domain,
          .ips = pod.ips};
}

// add_local tells what becomes of the pods of this node, and whose pods may be ambient at all.
void add_local(const Objects& objects, const MeshOptions& options, DesiredMesh& mesh) {
  for (const auto& [key, ns] : objects.namespaces) {
    if (!options.leaves && is_ambient(ns)) {
      mesh.ambient_namespaces.insert(ns.meta.name);
    }
  }
  for (const auto& [key, pod] : objects.pods) {
    const auto ambient = options.leaves ? std::optional(false) : is_ambient(objects, pod);
    if (ambient.value_or(false)) {
      mesh.ambient_namespaces.insert(pod.meta.ns);
    }
    if (!is_mine(pod, options)) {
      continue;
    }
    if (pod.host_network || pod.finished || ambient == false) {
      mesh.plain_pods.insert(pod.meta.uid);
    } else if (ambient == true) {
      mesh.pods.push_back(local_pod_of(pod, options));
    }
  }
  std::ranges::sort(mesh.pods, {}, &LocalPod::uid);
}

void report_host_network(const Objects& objects, const MeshOptions& options, Translation& result) {
  for (const auto& [key, pod] : objects.pods) {
    if (!is_mine(pod, options) || !pod.host_network || pod.finished ||
        !is_ambient(objects, pod).value_or(false)) {
      continue;
    }
    auto object = named("Pod", key);
    auto sentence = fmt::format(
        "{}: it is on the node's own network and stays outside of the mesh; label it "
        "istio.io/dataplane-mode=none",
        object);
    result.refused.push_back({local_pod_of(pod, options), sentence});
    result.problems.push_back({{}, std::move(object), std::move(sentence)});
  }
}

// A label that nobody understands is rather a slip than a wish.
void report_unknown_mode(const Meta& meta, std::string object, const char* instead,
                         std::vector<Problem>& problems) {
  const auto mode = dataplane_mode(meta);
  if (mode.empty() || mode == "ambient" || mode == "none") {
    return;
  }
  auto sentence =
      fmt::format("{}: its label istio.io/dataplane-mode={} is neither ambient nor none; {}",
                  object, mode, instead);
  problems.push_back({{}, std::move(object), std::move(sentence)});
}

void report_unknown_modes(const Objects& objects, const MeshOptions& options,
                          std::vector<Problem>& problems) {
  for (const auto& [key, ns] : objects.namespaces) {
    report_unknown_mode(ns.meta, named("Namespace", key), "its pods stay outside of the mesh",
                        problems);
  }
  for (const auto& [key, pod] : objects.pods) {
    if (is_mine(pod, options) && !pod.finished) {
      report_unknown_mode(pod.meta, named("Pod", key), "its namespace decides", problems);
    }
  }
}

void add_addresses(const Objects& objects, const MeshOptions& options,
                   const std::set<std::string>& enrolled, Translation& result) {
  static const ServedPorts kNone;
  const auto members = find_members(objects, options);
  auto& addresses = result.mesh.addresses;
  for (const auto& [key, pod] : objects.pods) {
    if (pod.finished || pod.ips.empty()) {
      continue;  // nobody can connect to it
    }
    const auto found = members.pods.find(key);
    const auto& services = found == members.pods.end() ? kNone : found->second;
    add(workload_of(objects, options, enrolled, pod, services, result.problems), addresses);
  }
  for (const auto& outsider : members.outsiders) {
    add(workload_of(objects, options, outsider), addresses);
  }
  for (const auto& [key, service] : objects.services) {
    if (!service.external_name) {
      istio::workload::Address address;
      *address.mutable_service() = service_of(objects, options, service, result.problems);
      addresses[resource_name_of(service, options)] = resource_of(address);
    }
  }
}

void add_policies(const Objects& objects, const MeshOptions& options, Resources& to) {
  for (const auto& [key, policy] : objects.authorization_policies) {
    if (!policy.ignored) {
      add(with_scope(policy, options), to);
    }
  }
  for (const auto& policy : converted_peers(objects, options)) {
    add(policy, to);
  }
}

}  // namespace

const LocalPod* DesiredMesh::local_pod(const std::string& uid) const {
  const auto found = std::ranges::find(pods, uid, &LocalPod::uid);
  return found == pods.end() ? nullptr : &*found;
}

Translation translate(const Objects& objects, const MeshOptions& options,
                      const std::set<std::string>& enrolled) {
  Translation result;
  add_addresses(objects, options, enrolled, result);
  if (!options.leaves) {
    add_policies(objects, options, result.mesh.authorizations);
  }
  add_local(objects, options, result.mesh);
  report_host_network(objects, options, result);
  report_unknown_modes(objects, options, result.problems);
  report_unserved(objects, result.problems);
  return result;
}

}  // namespace culvert::mesh
