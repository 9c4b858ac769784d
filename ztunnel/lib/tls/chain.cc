// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/tls/chain.h"

#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "ztunnel/lib/tls/openssl_error.h"
#include "ztunnel/lib/tls/x509.h"

namespace culvert::tls {
namespace {

using Certificates = std::vector<bssl::UniquePtr<X509>>;

// What the verification looks at; it borrows all of it.
struct Parts {
  bssl::UniquePtr<X509_STORE> roots{X509_STORE_new()};
  bssl::UniquePtr<STACK_OF(X509)> others{sk_X509_new_null()};
  X509* leaf = nullptr;
};

// Fails with the verifier's words and the certificate that they are about.
Result<> verify(X509_STORE_CTX& context, const Parts& parts, int purpose, SystemTime now) {
  clear_errors();
  if (X509_STORE_CTX_init(&context, parts.roots.get(), parts.leaf, parts.others.get()) != 1) {
    return fail(take_error(Errc::tls, "certificate verification"));
  }
  X509_STORE_CTX_set_purpose(&context, purpose);
  X509_STORE_CTX_set_time_posix(&context, 0, std::chrono::system_clock::to_time_t(now));
  const bool good = X509_verify_cert(&context) == 1;
  clear_errors();
  if (good) {
    return {};
  }
  const int depth = X509_STORE_CTX_get_error_depth(&context);
  return fail(
      Errc::tls,
      fmt::format("{} (certificate {} from the leaf)",
                  X509_verify_cert_error_string(X509_STORE_CTX_get_error(&context)), depth));
}

VerifiedChain chain_of(X509_STORE_CTX& context) {
  const STACK_OF(X509)* path = X509_STORE_CTX_get0_chain(&context);
  const std::size_t count = sk_X509_num(path);
  VerifiedChain chain{.intermediates = {}, .root = {}, .not_after = SystemTime::max()};
  for (std::size_t i = 1; i < count; ++i) {
    X509* const certificate = sk_X509_value(path, i);
    chain.not_after = std::min(chain.not_after, not_after(*certificate));
    if (i + 1 < count) {
      chain.intermediates.push_back(to_pem(*certificate));
    } else {
      chain.root = to_pem(*certificate);
    }
  }
  return chain;
}

}  // namespace

Result<VerifiedChain> verify_leaf(std::string_view leaf_pem, std::string_view others_pem,
                                  std::string_view roots_pem, SystemTime now) {
  TRY(const auto leaves, parse_certificates(leaf_pem));
  Certificates others;
  if (!others_pem.empty()) {
    TRY(others, parse_certificates(others_pem));
  }
  TRY(const auto roots, parse_certificates(roots_pem));
  Parts parts;
  parts.leaf = leaves.front().get();
  for (auto& other : others) {
    bssl::PushToStack(parts.others.get(), std::move(other));
  }
  for (const auto& root : roots) {
    X509_STORE_add_cert(parts.roots.get(), root.get());
  }
  const bssl::UniquePtr<X509_STORE_CTX> as_client(X509_STORE_CTX_new());
  TRY_VOID(verify(*as_client, parts, X509_PURPOSE_SSL_CLIENT, now));
  const bssl::UniquePtr<X509_STORE_CTX> as_server(X509_STORE_CTX_new());
  TRY_VOID(verify(*as_server, parts, X509_PURPOSE_SSL_SERVER, now));
  return chain_of(*as_server);
}

}  // namespace culvert::tls
