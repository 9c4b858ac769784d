// ClientContext: what an ordinary TLS client needs, one of servers that have names and not SPIFFE
// identities (the Kubernetes API server): the roots that it trusts, and a certificate of its own
// where servers know it by that. Immutable; all threads may share it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "ztunnel/lib/base/result.h"

struct ssl_ctx_st;  // SSL_CTX

namespace culvert::tls {

class ClientContext {
 public:
  // make takes the roots and, unless both are empty, a key and its chain (leaf first), as PEM texts
  // of several certificates each. Fails with `tls` when something can't be read or the key is not
  // the leaf's, with `limit` on too many certificates.
  static Result<std::shared_ptr<const ClientContext>> make(std::string_view roots_pem,
                                                           std::string_view key_pem = {},
                                                           std::string_view chain_pem = {});
  ~ClientContext();
  ClientContext(const ClientContext&) = delete;
  ClientContext& operator=(const ClientContext&) = delete;

  ssl_ctx_st* get() const { return context_; }  // borrowed

 private:
  explicit ClientContext(ssl_ctx_st* context) : context_(context) {}
  ssl_ctx_st* context_;  // owned
};

using ClientContextPtr = std::shared_ptr<const ClientContext>;

}  // namespace culvert::tls
