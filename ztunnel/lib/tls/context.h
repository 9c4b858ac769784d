// SSL_CTX settings (wire-facts §1.2) and the verification of peers, inside this room only.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <optional>
#include <set>
#include <string>

#include "ztunnel/lib/base/identity.h"
#include "ztunnel/lib/base/result.h"
#include "ztunnel/lib/tls/x509.h"

namespace culvert::tls {

// Handshake is what the verification of one peer needs and finds out; attached to its SSL.
struct Handshake {
  SpiffeId own;
  bool is_server = false;
  std::set<SpiffeId> expected;  // client: one of these must be proved
  std::string server_name;      // client: if given, this DNS name or address and no SPIFFE ID
  std::optional<SpiffeId> peer;
  std::optional<Error> failure;
};

// make_context gives a context for one role, without certificates.
Result<bssl::UniquePtr<SSL_CTX>> make_context(bool is_server);
// present makes `chain` (leaf first) and its key what the context shows to peers. Fails with
// `limit` on a chain of more than 10, `tls` when the key is not the leaf's.
Result<> present(SSL_CTX& context, const Certificates& chain, EVP_PKEY& key);
// trust makes `roots` what peers' chains must lead to.
Result<> trust(SSL_CTX& context, const Certificates& roots);
// attach makes the verification of `ssl`'s peer use `handshake`, which must outlive the handshake.
// Fails with `config` on a server's name that can be none.
Result<> attach(SSL& ssl, Handshake& handshake);

}  // namespace culvert::tls
