// Certificate signing requests (PKCS#10, RFC 2986) in the form that Istio's CA API takes: an empty
// subject and one critical SAN URI, signed with ECDSA and SHA-256.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "ztunnel/lib/base/identity.h"
#include "ztunnel/lib/base/result.h"
#include "ztunnel/lib/tls/keys.h"

namespace culvert::tls {

// 16 KiB: a request of ours has 500 bytes; an RSA-4096 one of someone else 2 KiB.
inline constexpr std::size_t kCsrBytesMax = 16 * 1024;

// make_csr gives a PEM block. Fails with `tls` only if BoringSSL can't sign.
Result<std::string> make_csr(const PrivateKey& key, const SpiffeId& id);

struct SigningRequest {
  SpiffeId id;
  PublicKey key;
};

// parse_csr reads a PEM block and checks that its signature proves possession of the key. Fails
// with `protocol` if it can't be read or the signature is wrong, with `limit` above kCsrBytesMax,
// with `identity` unless it asks for exactly one URI SAN, a SPIFFE identity, and nothing else.
Result<SigningRequest> parse_csr(std::string_view pem);

}  // namespace culvert::tls
