// Keys: ECDSA P-256, the one kind that this mesh makes. A private key leaves the process only where
// to_pem is called, which the agent's local CA does for its root and nobody does for a workload.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "ztunnel/lib/base/result.h"
#include "ztunnel/lib/tls/handles.h"

namespace culvert::tls {

// PublicKey is what a certificate is issued for.
class PublicKey {
 public:
  explicit PublicKey(KeyHandle key) : key_(std::move(key)) {}
  evp_pkey_st* get() const { return key_.get(); }

 private:
  KeyHandle key_;
};

class PrivateKey {
 public:
  // generate makes a new key from the kernel's randomness.
  static PrivateKey generate();

  // parse reads an unencrypted PKCS#8 PEM block. Fails with `config` on anything else, and on a key
  // that is not P-256.
  static Result<PrivateKey> parse(std::string_view pem);

  // to_pem writes PKCS#8, unencrypted.
  std::string to_pem() const;

  PublicKey public_key() const;
  evp_pkey_st* get() const { return key_.get(); }

 private:
  explicit PrivateKey(KeyHandle key) : key_(std::move(key)) {}
  KeyHandle key_;
};

}  // namespace culvert::tls
