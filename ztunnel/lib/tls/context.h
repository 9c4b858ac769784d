// SSL_CTX settings of the mesh (wire-facts §1.2), inside this room only.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <optional>
#include <set>

#include "ztunnel/lib/base/identity.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::tls {

// Handshake is what the verification of one peer needs and finds out; attached to its SSL.
struct Handshake {
  SpiffeId own;
  bool is_server = false;
  std::set<SpiffeId> expected;  // client: one of these must be proved
  std::optional<SpiffeId> peer;
  std::optional<Error> failure;
};

// make_context gives a context for one role, without certificates.
Result<bssl::UniquePtr<SSL_CTX>> make_context(bool is_server);
void attach(SSL& ssl, Handshake& handshake);

}  // namespace culvert::tls
