// CaServer: Istio's certificate service for the ztunnels of this node.
// Source of truth: wire-facts §4.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>

#include "agent/mesh/ca_backend.h"
#include "agent/root_socket.h"
#include "ztunnel/lib/base/identity.h"
#include "ztunnel/lib/http/grpc.h"
#include "ztunnel/lib/obs/log.h"
#include "ztunnel/lib/tls/authority.h"

namespace istio::v1::auth {
class IstioCertificateRequest;
}  // namespace istio::v1::auth

namespace culvert::mesh {

class CaServer final : public agent::Attendant {
 public:
  // Whether a pod of this node has the identity.
  using Allowed = std::function<bool(const SpiffeId&)>;

  // A leaf lives for what its request asks, and for `lifetime_max` at most. `backend` must outlive
  // all tasks of it.
  CaServer(io::Loop& loop, CaBackend& backend, Allowed allowed,
           std::chrono::seconds lifetime_max = tls::kLeafLifetime);

  io::Task<> attend(Fd connection, net::PeerCredentials peer) override;

  // refusals counts requests that brought no certificate.
  std::uint64_t refusals() const { return refusals_; }

 private:
  io::Task<> create_certificate(http::GrpcCall& call);
  io::Task<std::string> signed_answer(http::GrpcCall& call);
  struct Order;
  Result<Order> read(const std::string& message) const;
  std::chrono::seconds lifetime_of(const istio::v1::auth::IstioCertificateRequest& request) const;

  io::Loop& loop_;
  CaBackend& backend_;
  Allowed allowed_;
  std::chrono::seconds lifetime_max_;
  http::GrpcServer grpc_;
  std::uint64_t refusals_ = 0;
  obs::RateLimitedLog log_{{.level = obs::Level::warn, .scope = "mesh::ca"}};
};

}  // namespace culvert::mesh
