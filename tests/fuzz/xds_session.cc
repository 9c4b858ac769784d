// A client's first xDS request to our agent, followed by acknowledgements. A client that does what
// it is told ends with exactly the mesh, whatever it says that it had before; nothing is sent while
// an answer is out, and nothing once everything was acknowledged.
// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/xds_session.h"
#include "ztunnel/lib/base/assert.h"
#include "ztunnel/lib/control/xds_client.h"

namespace culvert::mesh {
namespace {

using Versions = std::map<std::string, std::string>;

DesiredMesh small_mesh() {
  DesiredMesh mesh;
  mesh.addresses["Kubernetes//Pod/shop/client"] = {"bytes of a client", "v1"};
  mesh.addresses["shop/shop.shop.svc.cluster.local"] = {"bytes of a service", "v2"};
  mesh.authorizations["shop/allow-client"] = {"bytes of a policy", "v3"};
  return mesh;
}

Versions versions_of(const Resources& resources) {
  Versions versions;
  for (const auto& [name, resource] : resources) {
    versions[name] = resource.version;
  }
  return versions;
}

// Plays the client's part until there is nothing more to send, refusing what `nack` says.
void follow(XdsSession& session, const DesiredMesh& mesh, std::map<std::string, Versions>& has,
            std::uint64_t generation) {
  for (int answers = 0;; ++answers) {
    const auto response = session.next(mesh, generation);
    if (!response) {
      return;
    }
    CULVERT_ASSERT(answers < 2);  // one of each type
    CULVERT_ASSERT(!response->nonce().empty());
    for (const auto& resource : response->resources()) {
      has[response->type_url()][resource.name()] = resource.version();
    }
    for (const auto& name : response->removed_resources()) {
      CULVERT_ASSERT(has[response->type_url()].erase(name) == 1);
    }
    DeltaRequest ack;
    ack.set_type_url(response->type_url());
    ack.set_response_nonce(response->nonce() + "x");
    CULVERT_ASSERT(session.take(ack));  // about nothing that is out: ignored
    ack.set_response_nonce(response->nonce());
    const auto taken = session.take(ack);
    CULVERT_ASSERT(taken && !*taken);
  }
}

}  // namespace
}  // namespace culvert::mesh

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace culvert;
  using namespace culvert::mesh;
  DeltaRequest request;
  if (!request.ParseFromArray(bytes, static_cast<int>(size))) {
    return -1;  // the server ends the stream before it asks the session
  }
  XdsSession session;
  std::map<std::string, Versions> has;
  for (const char* type : {control::kAddressType, control::kAuthorizationType}) {
    request.set_type_url(type);
    if (const auto taken = session.take(request); !taken) {
      CULVERT_ASSERT(taken.error().code == Errc::config);
      return 0;
    }
    has[type].insert(request.initial_resource_versions().begin(),
                     request.initial_resource_versions().end());
  }
  auto mesh = small_mesh();
  follow(session, mesh, has, 1);
  CULVERT_ASSERT(session.is_up_to_date(1));
  CULVERT_ASSERT(has[control::kAddressType] == versions_of(mesh.addresses));
  CULVERT_ASSERT(has[control::kAuthorizationType] == versions_of(mesh.authorizations));
  mesh.addresses.erase("Kubernetes//Pod/shop/client");
  mesh.authorizations["shop/allow-client"].version = "v4";
  follow(session, mesh, has, 2);
  CULVERT_ASSERT(session.is_up_to_date(2) && !session.is_up_to_date(3));
  CULVERT_ASSERT(has[control::kAddressType] == versions_of(mesh.addresses));
  CULVERT_ASSERT(has[control::kAuthorizationType] == versions_of(mesh.authorizations));
  return 0;
}
