// XdsSession: the state of one delta xDS stream: what the client has, what it must still get. Pure;
// XdsServer carries it over gRPC.
// Source of truth: wire-facts §3.3; envoyproxy.io/docs "xDS REST and gRPC protocol", incremental.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "agent/mesh/desired.h"
#include "ztunnel/lib/base/result.h"
#include "ztunnel/lib/control/proto/discovery.pb.h"

namespace culvert::mesh {

using DeltaRequest = envoy::service::discovery::v3::DeltaDiscoveryRequest;
using DeltaResponse = envoy::service::discovery::v3::DeltaDiscoveryResponse;

// A NACK, as the client words it.
struct Nack {
  std::string type_url;
  std::string reason;
};

class XdsSession {
 public:
  // 512 bytes: Istio's ids are a type, an address, a pod's name and a domain.
  static constexpr std::size_t kNodeIdBytesMax = 512;

  XdsSession();

  // take reads a request: the first of a type subscribes to all of it, with what the client has
  // from an earlier stream; later ones acknowledge. Gives the NACK if it is one. A type that is not
  // ours is ignored, as istiod does. Fails with `config` for a subscription by names, which is not
  // served.
  Result<std::optional<Nack>> take(const DeltaRequest& request);

  // next gives the response that is due, addresses before authorizations; nothing while each type
  // is up to date or waits for its acknowledgement, so that a slow client gets changes together.
  // `generation` changes whenever `mesh` does.
  std::optional<DeltaResponse> next(const DesiredMesh& mesh, std::uint64_t generation);

  const std::string& node_id() const { return node_id_; }
  // is_up_to_date: every type of `generation` was sent, and acknowledged or refused.
  bool is_up_to_date(std::uint64_t generation) const;

 private:
  struct Type {
    const char* url;
    Resources DesiredMesh::* resources;
    bool subscribed = false;
    bool first_sent = false;
    std::string awaited_nonce;  // empty: nothing is out
    std::uint64_t generation = 0;
    std::map<std::string, std::string> sent;  // name → version
  };
  Result<> subscribe(Type& type, const DeltaRequest& request);
  static DeltaResponse difference(Type& type, const Resources& wanted);

  std::string node_id_;
  std::uint64_t last_nonce_ = 0;
  std::array<Type, 2> types_;
};

}  // namespace culvert::mesh
