// CaServer: Istio's certificate service for the ztunnels of this node, signed by the shared root.
// Source of truth: wire-facts §4.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>

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
  using Clock = std::function<std::chrono::system_clock::time_point()>;
  // Whether a pod of this node has the identity.
  using Allowed = std::function<bool(const SpiffeId&)>;

  // A leaf lives for what its request asks, and for `lifetime_max` at most.
  CaServer(io::Loop& loop, tls::CertificateAuthority authority, Allowed allowed, Clock clock,
           std::chrono::seconds lifetime_max = tls::kLeafLifetime);

  io::Task<> attend(Fd connection, net::PeerCredentials peer) override;

  // refusals counts requests that brought no certificate.
  std::uint64_t refusals() const { return refusals_; }

 private:
  io::Task<> create_certificate(http::GrpcCall& call);
  io::Task<std::string> signed_answer(http::GrpcCall& call);
  Result<std::string> answer(const std::string& message) const;
  std::chrono::seconds lifetime_of(const istio::v1::auth::IstioCertificateRequest& request) const;

  io::Loop& loop_;
  tls::CertificateAuthority authority_;
  Allowed allowed_;
  Clock clock_;
  std::chrono::seconds lifetime_max_;
  http::GrpcServer grpc_;
  std::uint64_t refusals_ = 0;
  obs::RateLimitedLog log_{{.level = obs::Level::warn, .scope = "mesh::ca"}};
};

}  // namespace culvert::mesh
