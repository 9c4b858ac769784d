// CaClient: Istio's certificate service, one unary call.
// Source of truth: istio/api security/v1alpha1/ca.proto; ztunnel src/identity/caclient.rs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "ztunnel/lib/control/certificate_store.h"
#include "ztunnel/lib/http/grpc.h"

namespace culvert::control {

inline constexpr const char* kCreateCertificate =
    "/istio.v1.auth.IstioCertificateService/CreateCertificate";

struct CaOptions {
  http::HeaderList metadata = {{"clusterid", "Kubernetes"}};
  std::chrono::seconds lifetime = std::chrono::hours(24);  // asked for; the CA may give less
  io::Duration deadline = std::chrono::seconds(8);  // before the store's own, to name the cause
};

class CaClient {
 public:
  // `loop` and `rng`, and what `dial` captures, must outlive the client.
  CaClient(io::Loop& loop, Rng& rng, http::GrpcChannel::Dial dial, CaOptions options = {});

  // run carries the connection until it is cancelled.
  io::Task<> run() { return channel_.run(); }

  // sign has `csr_pem` signed for `id`. Fails as the channel's unary call does, and with `protocol`
  // when the answer is not a chain with a root.
  io::Task<SignedChain> sign(std::string csr_pem, SpiffeId id);

  bool connected() const { return channel_.connected(); }

 private:
  CaOptions options_;
  http::GrpcChannel channel_;
};

}  // namespace culvert::control
