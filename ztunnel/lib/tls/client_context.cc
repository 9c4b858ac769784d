// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/tls/client_context.h"

#include "ztunnel/lib/tls/context.h"

namespace culvert::tls {

Result<std::shared_ptr<const ClientContext>> ClientContext::make(std::string_view roots_pem,
                                                                 std::string_view key_pem,
                                                                 std::string_view chain_pem) {
  TRY(const auto roots, parse_certificates(roots_pem));
  TRY(auto context, make_context(/* is_server= */ false));
  TRY_VOID(trust(*context, roots));
  if (!key_pem.empty() || !chain_pem.empty()) {
    TRY(const auto key, parse_key(key_pem));
    TRY(const auto chain, parse_certificates(chain_pem));
    TRY_VOID(present(*context, chain, *key));
  }
  return std::shared_ptr<const ClientContext>(new ClientContext(context.release()));
}

ClientContext::~ClientContext() {
  SSL_CTX_free(context_);
}

}  // namespace culvert::tls
