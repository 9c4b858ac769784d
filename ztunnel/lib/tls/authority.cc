// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/tls/authority.h"

#include <openssl/nid.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>

#include "ztunnel/lib/tls/certificate.h"
#include "ztunnel/lib/tls/chain.h"
#include "ztunnel/lib/tls/csr.h"
#include "ztunnel/lib/tls/key.h"
#include "ztunnel/lib/tls/openssl_error.h"
#include "ztunnel/lib/tls/x509.h"

namespace culvert::tls {
namespace {

std::int64_t posix(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

// A random positive serial of 127 bits (CA/Browser Forum asks for 64 or more).
bool set_random_serial(X509& certificate) {
  std::array<std::uint8_t, 16> bytes{};
  RAND_bytes(bytes.data(), bytes.size());
  bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0x7f) | 0x40);
  const bssl::UniquePtr<BIGNUM> number(BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  const bssl::UniquePtr<ASN1_INTEGER> serial(BN_to_ASN1_INTEGER(number.get(), nullptr));
  return serial != nullptr && X509_set_serialNumber(&certificate, serial.get()) == 1;
}

bool set_validity(X509& certificate, std::int64_t from, std::int64_t to) {
  return ASN1_TIME_set_posix(X509_getm_notBefore(&certificate), from) != nullptr &&
         ASN1_TIME_set_posix(X509_getm_notAfter(&certificate), to) != nullptr;
}

// Adds an extension written in the configuration language of X.509 tools ("critical,CA:TRUE").
bool add_extension(X509& certificate, X509& issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
  const bssl::UniquePtr<X509_EXTENSION> extension(
      X509V3_EXT_nconf_nid(nullptr, &context, nid, value));
  return extension != nullptr && X509_add_ext(&certificate, extension.get(), -1) == 1;
}

const char* usage_text(const LeafOptions& options) {
  if (options.client_auth && options.server_auth) {
    return "serverAuth,clientAuth";
  }
  return options.client_auth ? "clientAuth" : "serverAuth";
}

}  // namespace

void CertificateAuthority::KeyDeleter::operator()(evp_pkey_st* key) const {
  EVP_PKEY_free(key);
}
void CertificateAuthority::CertificateDeleter::operator()(x509_st* certificate) const {
  X509_free(certificate);
}

CertificateAuthority::CertificateAuthority(CertificateAuthority&&) noexcept = default;
CertificateAuthority& CertificateAuthority::operator=(CertificateAuthority&&) noexcept = default;
CertificateAuthority::~CertificateAuthority() = default;

Result<CertificateAuthority> CertificateAuthority::create(
    std::string_view organization, std::chrono::system_clock::time_point now) {
  TRY(const auto key_text, generate_key());
  TRY(auto key, parse_key(key_text));
  bssl::UniquePtr<X509> root(X509_new());
  X509_NAME* name = X509_get_subject_name(root.get());
  const bool ok =
      X509_set_version(root.get(), X509_VERSION_3) == 1 && set_random_serial(*root) &&
      X509_NAME_add_entry_by_NID(name, NID_organizationName, MBSTRING_UTF8,
                                 reinterpret_cast<const std::uint8_t*>(organization.data()),
                                 static_cast<ossl_ssize_t>(organization.size()), -1, 0) == 1 &&
      X509_set_issuer_name(root.get(), name) == 1 &&
      set_validity(*root, posix(now - kLeafBackdate), posix(now + kRootLifetime)) &&
      X509_set_pubkey(root.get(), key.get()) == 1 &&
      add_extension(*root, *root, NID_basic_constraints, "critical,CA:TRUE") &&
      add_extension(*root, *root, NID_key_usage, "critical,keyCertSign,cRLSign") &&
      add_extension(*root, *root, NID_subject_key_identifier, "hash") &&
      X509_sign(root.get(), key.get(), EVP_sha256()) > 0;
  if (!ok) {
    return fail(take_error(Errc::tls, "root certificate"));
  }
  CertificateAuthority authority;
  authority.key_.reset(key.release());
  authority.root_pem_ = to_pem(*root);
  authority.not_after_ = tls::not_after(*root);
  authority.certificate_.reset(root.release());
  return authority;
}

Result<CertificateAuthority> CertificateAuthority::load(std::string_view root_pem,
                                                        std::string_view key_pem) {
  TRY(auto certificates, parse_certificates(root_pem));
  TRY(auto key, parse_key(key_pem));
  if (X509_check_private_key(certificates.front().get(), key.get()) != 1) {
    return fail(take_error(Errc::tls, "the key is not the certificate's"));
  }
  CertificateAuthority authority;
  authority.key_.reset(key.release());
  authority.root_pem_ = to_pem(*certificates.front());
  authority.not_after_ = tls::not_after(*certificates.front());
  authority.certificate_.reset(certificates.front().release());
  return authority;
}

Result<CertificateAuthority> CertificateAuthority::load(const AuthorityParts& parts,
                                                        std::string_view trust_domain,
                                                        std::chrono::system_clock::time_point now) {
  TRY(auto authority, load(parts.certificate, parts.key));
  TRY(const auto roots, certificate_facts(parts.roots));
  for (const auto& root : roots) {
    if (!root.is_ca) {
      return fail(Errc::tls, "one of the roots is no CA's certificate");
    }
  }
  // Whatever may be wrong between the certificate and a root shows when a leaf is verified.
  const SpiffeId nobody{std::string(trust_domain), "nobody", "nobody"};
  TRY(const auto key, generate_key());
  TRY(const auto csr, make_csr(key, nobody));
  TRY(const auto leaf, authority.issue(csr, {.uris = {to_string(nobody)},
                                             .not_before = now - kLeafBackdate,
                                             .not_after = now + kLeafLifetime}));
  TRY(auto chain, verify_leaf(leaf, parts.certificate + "\n" + parts.chain, parts.roots, now));
  authority.root_pem_ = std::move(chain.root);
  authority.intermediates_ = std::move(chain.intermediates);
  authority.not_after_ = chain.not_after;
  return authority;
}

std::string CertificateAuthority::key_pem() const {
  return to_pem(*key_);
}

Result<std::string> CertificateAuthority::sign(std::string_view csr_pem, const SpiffeId& id,
                                               std::chrono::system_clock::time_point now,
                                               std::chrono::seconds lifetime) const {
  if (now >= not_after()) {
    return fail(Errc::config,
                "the CA's own certificate has expired: give it a new one, as its README says");
  }
  return issue(csr_pem, {.uris = {to_string(id)},
                         .not_before = now - kLeafBackdate,
                         .not_after = std::min(now + lifetime, not_after())});
}

Result<std::string> CertificateAuthority::issue(std::string_view csr_pem,
                                                const LeafOptions& options) const {
  TRY(const auto request, parse_csr(csr_pem));
  TRY(const auto san, san_extension(options.uris));
  const bssl::UniquePtr<EVP_PKEY> subject_key(X509_REQ_get_pubkey(request.get()));
  bssl::UniquePtr<X509> leaf(X509_new());
  const bool ok =
      X509_set_version(leaf.get(), X509_VERSION_3) == 1 && set_random_serial(*leaf) &&
      X509_set_issuer_name(leaf.get(), X509_get_subject_name(certificate_.get())) == 1 &&
      set_validity(*leaf, posix(options.not_before), posix(options.not_after)) &&
      X509_set_pubkey(leaf.get(), subject_key.get()) == 1 &&
      add_extension(*leaf, *certificate_, NID_basic_constraints, "critical,CA:FALSE") &&
      add_extension(*leaf, *certificate_, NID_key_usage, "critical,digitalSignature") &&
      add_extension(*leaf, *certificate_, NID_ext_key_usage, usage_text(options)) &&
      add_extension(*leaf, *certificate_, NID_authority_key_identifier, "keyid") &&
      X509_add_ext(leaf.get(), san.get(), -1) == 1 &&
      X509_sign(leaf.get(), key_.get(), EVP_sha256()) > 0;
  if (!ok) {
    return fail(take_error(Errc::tls, "leaf certificate"));
  }
  return to_pem(*leaf);
}

}  // namespace culvert::tls
