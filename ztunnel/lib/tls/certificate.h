// Certificates and what is made of them: a chain as the CA answers it, and WorkloadIdentity, which
// is everything that a connection needs to prove who it is and to check its peer.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ztunnel/lib/base/identity.h"
#include "ztunnel/lib/base/result.h"
#include "ztunnel/lib/tls/handles.h"
#include "ztunnel/lib/tls/keys.h"

namespace culvert::tls {

using WallTime = std::chrono::system_clock::time_point;

// 256 KiB of PEM and 64 certificates: a root bundle of a mesh that federates dozens of others.
inline constexpr std::size_t kPemBytesMax = 256 * 1024;
inline constexpr std::size_t kChainCertificatesMax = 64;

class Certificate {
 public:
  explicit Certificate(CertificateHandle x509);

  WallTime not_before() const { return not_before_; }
  WallTime not_after() const { return not_after_; }
  const std::string& serial_number() const { return serial_number_; }  // decimal
  std::string to_pem() const;

  // spiffe_id gives the one identity in the certificate. Fails with `identity` unless it holds
  // exactly one URI SAN and that is a SPIFFE identity of this mesh's form.
  Result<SpiffeId> spiffe_id() const;

  x509_st* get() const { return x509_.get(); }

 private:
  CertificateHandle x509_;
  WallTime not_before_;
  WallTime not_after_;
  std::string serial_number_;
};

// parse_certificates reads all PEM certificates of a text, in order; text between blocks is
// skipped. Fails with `protocol` when one can't be read or there is none, with `limit` above the
// limits.
Result<std::vector<Certificate>> parse_certificates(std::string_view pem);

struct CertificateChain {
  std::vector<Certificate> certificates;  // leaf first, then intermediates
  std::vector<Certificate> roots;         // whom to trust; at least one

  const Certificate& leaf() const { return certificates.front(); }

  // parse takes the elements of Istio's CreateCertificate response: the leaf, one intermediate
  // each, and last the bundle of roots. Fails with `protocol` on fewer than two elements or
  // unreadable ones, with `limit` above the limits.
  static Result<CertificateChain> parse(std::span<const std::string> elements);
};

// WorkloadIdentity is one workload's key, chain and roots, with the TLS contexts made of them once,
// so that a handshake builds none. Immutable: any thread may use it, and a rotation makes a new
// one.
class WorkloadIdentity {
 public:
  // make checks that all belongs together. Fails with `identity` if the leaf holds no single SPIFFE
  // identity, with `tls` if the key is not the leaf's or the chain does not lead to the roots. It
  // does not check times: an identity may be loaded to be shown after it expired.
  static Result<std::shared_ptr<const WorkloadIdentity>> make(PrivateKey key,
                                                              CertificateChain chain);
  ~WorkloadIdentity();

  const SpiffeId& id() const { return id_; }
  const CertificateChain& chain() const { return chain_; }
  WallTime not_before() const { return chain_.leaf().not_before(); }
  WallTime not_after() const;  // the earliest end in the chain below the roots

  ssl_ctx_st* client_context() const { return client_.get(); }
  ssl_ctx_st* server_context() const { return server_.get(); }
  x509_store_st* roots() const { return roots_.get(); }

 private:
  WorkloadIdentity(PrivateKey key, CertificateChain chain, SpiffeId id);

  PrivateKey key_;
  CertificateChain chain_;
  SpiffeId id_;
  StoreHandle roots_;
  ContextHandle client_;
  ContextHandle server_;
};

using IdentityPtr = std::shared_ptr<const WorkloadIdentity>;

}  // namespace culvert::tls
