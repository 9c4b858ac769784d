// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/read_object.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "agent/mesh/object_reader.h"

namespace culvert::mesh {
namespace {

constexpr std::string_view kDiscovery = "discovery.k8s.io";
constexpr std::string_view kIstioSecurity = "security.istio.io";
constexpr std::string_view kGateway = "gateway.networking.k8s.io";

constexpr std::array kKinds = {
    Kind{"", "v1", "namespaces", "Namespace", false, read_namespace},
    Kind{"", "v1", "nodes", "Node", false, read_node},
    Kind{"", "v1", "serviceaccounts", "ServiceAccount", true, read_service_account},
    Kind{"", "v1", "pods", "Pod", true, read_pod},
    Kind{"", "v1", "services", "Service", true, read_service},
    Kind{kDiscovery, "v1", "endpointslices", "EndpointSlice", true, read_endpoint_slice},
    Kind{kIstioSecurity, "v1", "authorizationpolicies", "AuthorizationPolicy", true,
         read_authorization_policy},
    Kind{kIstioSecurity, "v1", "peerauthentications", "PeerAuthentication", true,
         read_peer_authentication},
    Kind{kGateway, "v1", "gateways", "Gateway", true, read_gateway},
};

}  // namespace

std::span<const Kind> kinds() {
  return kKinds;
}

const Kind* find_kind(std::string_view group, std::string_view name) {
  const auto found = std::ranges::find_if(
      kKinds, [&](const Kind& kind) { return kind.group == group && kind.name == name; });
  return found == kKinds.end() ? nullptr : &*found;
}

void read_object(std::string_view file, const Kind& kind, const nlohmann::json& tree,
                 ReadObjects& into) {
  ObjectReader reader(file, kind, tree, into);
  if (!reader.rejected()) {
    kind.read(reader);
  }
}

void read_object(std::string_view file, const nlohmann::json& tree, ReadObjects& into) {
  const auto api_version = text(tree, "apiVersion");
  const auto name = text(tree, "kind");
  const auto slash = api_version.find('/');
  const auto group = slash == std::string::npos ? std::string() : api_version.substr(0, slash);
  if (const auto* kind = find_kind(group, name)) {
    read_object(file, *kind, tree, into);
    return;
  }
  ObjectReader reader(file, Kind{.name = name, .namespaced = true}, tree, into);
  if (!reader.rejected()) {
    reader.problem(fmt::format("the mesh does not read kind {} of {}", name, api_version),
                   "it is ignored, take it out of the folder if nobody else needs it there");
  }
}

}  // namespace culvert::mesh
