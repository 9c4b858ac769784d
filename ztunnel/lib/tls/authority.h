// CertificateAuthority: signs workload certificates with a root of its own, or with an intermediate
// that others gave it. Where keys are kept is others' business.
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

// What an authority is given as when it is not our own root, PEM each.
struct AuthorityParts {
  std::string certificate;  // the one that signs; a root or an intermediate
  std::string key;
  std::string chain;  // what leads from it to a root; may be empty, may repeat what it joins
  std::string roots;  // all that are accepted; one of them is its own
};

class CertificateAuthority {
 public:
  // create makes a P-256 key and a self-signed root, valid from `now`.
  static Result<CertificateAuthority> create(std::string_view organization,
                                             std::chrono::system_clock::time_point now);
  // load takes what root_pem() and key_pem() gave. Fails with `tls`.
  static Result<CertificateAuthority> load(std::string_view root_pem, std::string_view key_pem);
  // load takes an authority of any make that can be used: the key is the certificate's, all roots
  // are CAs, and a leaf that it signs for `trust_domain` at `now` leads to one of them. Fails with
  // `tls` and a sentence that says which of that is not so.
  static Result<CertificateAuthority> load(const AuthorityParts& parts,
                                           std::string_view trust_domain,
                                           std::chrono::system_clock::time_point now);

  CertificateAuthority(CertificateAuthority&&) noexcept;
  CertificateAuthority& operator=(CertificateAuthority&&) noexcept;
  ~CertificateAuthority();

  const std::string& root_pem() const { return root_pem_; }  // that its leaves lead to
  // What stands between a leaf and the root, the signing certificate first; none for a root.
  const std::vector<std::string>& intermediates() const { return intermediates_; }
  std::string key_pem() const;
  // The end of whatever ends first from the signing certificate to the root.
  std::chrono::system_clock::time_point not_after() const { return not_after_; }

  // sign answers a request (PEM, its signature is verified) with a leaf (PEM) for `id`: what the
  // request itself names is not looked at. `lifetime` is cut to not_after().
  // Fails with `config` when that is over.
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
  std::unique_ptr<x509_st, CertificateDeleter> certificate_;
  std::string root_pem_;
  std::vector<std::string> intermediates_;
  std::chrono::system_clock::time_point not_after_;
};

}  // namespace culvert::tls
