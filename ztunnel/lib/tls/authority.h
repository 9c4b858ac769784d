// CertificateAuthority: the cryptography of the agent's local CA. Where its key lives, with which
// locks and modes, is the agent's business: here all is PEM in and PEM out.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "ztunnel/lib/base/identity.h"
#include "ztunnel/lib/base/result.h"
#include "ztunnel/lib/tls/certificate.h"
#include "ztunnel/lib/tls/csr.h"
#include "ztunnel/lib/tls/keys.h"

namespace culvert::tls {

inline constexpr auto kRootLifetime = std::chrono::years(10);
inline constexpr auto kLeafLifetime = std::chrono::hours(24);
// A request may ask for less, but not so little that the leaf would be renewed all the time.
inline constexpr auto kLeafLifetimeMin = std::chrono::minutes(1);
// Certificates begin earlier than now, for nodes whose clocks are behind.
inline constexpr auto kBackdate = std::chrono::minutes(2);

// LeafProfile is what a leaf says; issue() fills it for workloads.
struct LeafProfile {
  std::vector<std::string> uris;  // URI SANs, critical
  WallTime not_before;
  WallTime not_after;
  bool client_auth = true;
  bool server_auth = true;
};

class CertificateAuthority {
 public:
  // create makes a key and a self-signed root, valid from kBackdate before `now` for kRootLifetime,
  // with the organisation `trust_domain`. Fails with `tls` only if BoringSSL can't sign.
  static Result<CertificateAuthority> create(std::string_view trust_domain, WallTime now);

  // load takes what key_pem() and certificate_pem() gave. Fails with `config` when either can't be
  // read, they don't belong together, or the certificate is not a CA's.
  static Result<CertificateAuthority> load(std::string_view key_pem,
                                           std::string_view certificate_pem);

  // issue signs a leaf for a request that the caller has authorised and gives it as PEM. The
  // lifetime is `lifetime`, but at least kLeafLifetimeMin and never beyond kLeafLifetime or the
  // root's own end. Fails with `tls` when the root has expired at `now`.
  Result<std::string> issue(const SigningRequest& request, WallTime now,
                            std::chrono::seconds lifetime = kLeafLifetime) const;

  // issue_leaf signs exactly `profile`, whatever it says.
  Result<std::string> issue_leaf(const PublicKey& key, const LeafProfile& profile) const;

  std::string key_pem() const { return key_.to_pem(); }
  std::string certificate_pem() const { return root_.to_pem(); }
  const Certificate& root() const { return root_; }

 private:
  CertificateAuthority(PrivateKey key, Certificate root)
      : key_(std::move(key)), root_(std::move(root)) {}

  PrivateKey key_;
  Certificate root_;
};

}  // namespace culvert::tls
