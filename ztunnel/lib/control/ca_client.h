// The client of Istio's certificate API: one unary call, IstioCertificateService/CreateCertificate.
// Source of truth: istio/api security/v1alpha1/ca.proto; ztunnel identity/caclient.rs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "ztunnel/lib/control/certificate_store.h"
#include "ztunnel/lib/http/grpc.h"

namespace culvert::control {

struct CaClientOptions {
  std::string cluster_id = "Kubernetes";
  std::chrono::seconds lifetime = std::chrono::hours(24);  // asked for; the CA may give less
};

class CaClient {
 public:
  // `channel` must outlive the client and its tasks.
  CaClient(http::GrpcChannel& channel, CaClientOptions options)
      : channel_(channel), options_(std::move(options)) {}

  // sign sends the request for `id` and gives the chain as the CA answers it. Fails as the
  // channel's unary call does, and with `protocol` when the answer is no CreateCertificate
  // response.
  io::Task<std::vector<std::string>> sign(SpiffeId id, std::string csr);

  // sign_csr is sign() in the form that the certificate store takes; the client must outlive it.
  SignCsr sign_csr();

 private:
  http::GrpcChannel& channel_;
  CaClientOptions options_;
};

}  // namespace culvert::control
