// WorkloadIdentity: a key with its certificate chain and the roots that its peers are checked
// against, ready for handshakes. Immutable; all threads may share it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ztunnel/lib/base/identity.h"
#include "ztunnel/lib/base/result.h"

struct ssl_ctx_st;  // SSL_CTX

namespace culvert::tls {

// CertificateFacts is what a certificate says to those who don't verify with it.
struct CertificateFacts {
  std::string pem;
  std::string serial_number;  // decimal
  std::chrono::system_clock::time_point not_before;
  std::chrono::system_clock::time_point not_after;
  std::string sha256;  // of its DER form, 64 hex digits
  bool is_ca = false;
};

// certificate_facts reads all certificates of a PEM text. Fails with `tls` when there is none, with
// `limit` above 64.
Result<std::vector<CertificateFacts>> certificate_facts(std::string_view pem);

class WorkloadIdentity {
 public:
  // make takes the private key (PKCS#8 PEM), the chain as the CA answers it (leaf, intermediates)
  // and the roots (one PEM text, several certificates allowed). Fails with `tls` when something
  // can't be read or the key is not the leaf's, `identity` when the leaf has no single SPIFFE ID,
  // `limit` on a chain of more than 10 or more roots than 64.
  // Validity is not checked here: handshakes do, and the store renews in time.
  static Result<std::shared_ptr<const WorkloadIdentity>> make(
      std::string_view key_pem, std::span<const std::string> chain_pem, std::string_view roots_pem);
  ~WorkloadIdentity();
  WorkloadIdentity(const WorkloadIdentity&) = delete;
  WorkloadIdentity& operator=(const WorkloadIdentity&) = delete;

  const SpiffeId& id() const { return id_; }
  const std::vector<CertificateFacts>& chain() const { return chain_; }  // leaf first
  const std::vector<CertificateFacts>& roots() const { return roots_; }

  // The contexts for handshakes, made once per identity; borrowed.
  ssl_ctx_st* client_context() const { return client_.get(); }
  ssl_ctx_st* server_context() const { return server_.get(); }

 private:
  struct ContextDeleter {
    void operator()(ssl_ctx_st* context) const;
  };
  using ContextPtr = std::unique_ptr<ssl_ctx_st, ContextDeleter>;
  WorkloadIdentity() = default;

  SpiffeId id_;
  std::vector<CertificateFacts> chain_;
  std::vector<CertificateFacts> roots_;
  ContextPtr client_;
  ContextPtr server_;
};

using WorkloadIdentityPtr = std::shared_ptr<const WorkloadIdentity>;

}  // namespace culvert::tls
