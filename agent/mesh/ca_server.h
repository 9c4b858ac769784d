// CaServer: Istio's certificate service for the ztunnels of this node, signed by the shared root.
// Source of truth: wire-facts §4.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>

#include "agent/root_socket.h"
#include "ztunnel/lib/base/identity.h"
#include "ztunnel/lib/http/grpc.h"
#include "ztunnel/lib/tls/authority.h"

namespace culvert::mesh {

class CaServer final : public agent::Attendant {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;
  // Whether a pod of this node has the identity.
  using Allowed = std::function<bool(const SpiffeId&)>;

  CaServer(io::Loop& loop, tls::CertificateAuthority authority, Allowed allowed, Clock clock);

  io::Task<> attend(Fd connection, net::PeerCredentials peer) override;

 private:
  io::Task<> create_certificate(http::GrpcCall& call);
  Result<std::string> answer(const std::string& message) const;

  io::Loop& loop_;
  tls::CertificateAuthority authority_;
  Allowed allowed_;
  Clock clock_;
  http::GrpcServer grpc_;
};

}  // namespace culvert::mesh
