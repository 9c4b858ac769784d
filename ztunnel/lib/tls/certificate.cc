// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/tls/certificate.h"

#include <openssl/ssl.h>

#include "ztunnel/lib/tls/context.h"
#include "ztunnel/lib/tls/openssl_error.h"
#include "ztunnel/lib/tls/x509.h"

namespace culvert::tls {
namespace {

std::vector<CertificateFacts> facts_of(const Certificates& certificates) {
  std::vector<CertificateFacts> facts;
  for (const auto& certificate : certificates) {
    facts.push_back({.pem = to_pem(*certificate),
                     .serial_number = serial_decimal(*certificate),
                     .not_before = not_before(*certificate),
                     .not_after = not_after(*certificate),
                     .sha256 = sha256(*certificate),
                     .is_ca = X509_check_ca(certificate.get()) == 1});
  }
  return facts;
}

}  // namespace

Result<std::vector<CertificateFacts>> certificate_facts(std::string_view pem) {
  TRY(const auto certificates, parse_certificates(pem));
  return facts_of(certificates);
}

void WorkloadIdentity::ContextDeleter::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}

WorkloadIdentity::~WorkloadIdentity() = default;

Result<std::shared_ptr<const WorkloadIdentity>> WorkloadIdentity::make(
    std::string_view key_pem, std::span<const std::string> chain_pem, std::string_view roots_pem) {
  TRY(const auto key, parse_key(key_pem));
  Certificates chain;
  for (const auto& pem : chain_pem) {
    TRY(auto certificates, parse_certificates(pem));
    for (auto& certificate : certificates) {
      chain.push_back(std::move(certificate));
    }
  }
  if (chain.empty()) {
    return fail(Errc::tls, "the certificate chain is empty");
  }
  TRY(const auto roots, parse_certificates(roots_pem));
  std::shared_ptr<WorkloadIdentity> identity(new WorkloadIdentity());
  TRY(identity->id_, spiffe_id_of(*chain.front()));
  for (const bool is_server : {false, true}) {
    TRY(auto context, make_context(is_server));
    TRY_VOID(present(*context, chain, *key));
    TRY_VOID(trust(*context, roots));
    (is_server ? identity->server_ : identity->client_).reset(context.release());
  }
  identity->chain_ = facts_of(chain);
  identity->roots_ = facts_of(roots);
  return identity;
}

}  // namespace culvert::tls
