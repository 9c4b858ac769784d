// CertificateAuthority: signs workload certificates with a root of its own. Where the root is kept
// is the agent's business.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ztunnel/lib/base/identity.h"
#include "ztunnel/lib/base/result.h"

struct evp_pkey_st;
struct x509_st;

namespace culvert::tls {

inline constexpr std::chrono::hours kRootLifetime{24 * 3650};
inline constexpr std::chrono::hours kLeafLifetime{24};
// A leaf is valid a little before its issue: clocks of nodes differ.
inline constexpr std::chrono::minutes kLeafBackdate{2};

// What a leaf says. Real ones have one URI and both usages; tests make the others.
struct LeafOptions {
  std::vector<std::string> uris;
  std::chrono::system_clock::time_point not_before;
  std::chrono::system_clock::time_point not_after;
  bool client_auth = true;
  bool server_auth = true;
};

class CertificateAuthority {
 public:
  // create makes a P-256 key and a self-signed root, valid from `now`.
  static Result<CertificateAuthority> create(std::string_view organization,
                                             std::chrono::system_clock::time_point now);
  // load takes what root_pem() and key_pem() gave. Fails with `tls`.
  static Result<CertificateAuthority> load(std::string_view root_pem, std::string_view key_pem);

  CertificateAuthority(CertificateAuthority&&) noexcept;
  CertificateAuthority& operator=(CertificateAuthority&&) noexcept;
  ~CertificateAuthority();

  std::string root_pem() const;
  std::string key_pem() const;
  std::chrono::system_clock::time_point not_after() const;

  // sign answers a request (PEM, its signature is verified) with a leaf (PEM) for `id`: what the
  // request itself names is not looked at. `lifetime` is cut to the root's own end.
  // Fails with `config` once the root has expired.
  Result<std::string> sign(std::string_view csr_pem, const SpiffeId& id,
                           std::chrono::system_clock::time_point now,
                           std::chrono::seconds lifetime = kLeafLifetime) const;

  // issue is sign with every choice open.
  Result<std::string> issue(std::string_view csr_pem, const LeafOptions& options) const;

 private:
  struct KeyDeleter {
    void operator()(evp_pkey_st* key) const;
  };
  struct CertificateDeleter {
    void operator()(x509_st* certificate) const;
  };
  CertificateAuthority() = default;

  std::unique_ptr<evp_pkey_st, KeyDeleter> key_;
  std::unique_ptr<x509_st, CertificateDeleter> root_;
};

}  // namespace culvert::tls
