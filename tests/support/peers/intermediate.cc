// SPDX-License-Identifier: Apache-2.0
#include "tests/support/peers/intermediate.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "ztunnel/lib/base/assert.h"
#include "ztunnel/lib/tls/key.h"

namespace culvert {
namespace {

bssl::UniquePtr<BIO> reader(std::string_view text) {
  return bssl::UniquePtr<BIO>(BIO_new_mem_buf(text.data(), static_cast<ossl_ssize_t>(text.size())));
}

bssl::UniquePtr<EVP_PKEY> read_key(std::string_view pem) {
  const auto bio = reader(pem);
  return bssl::UniquePtr<EVP_PKEY>(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
}

void extend(X509& certificate, X509& issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
  const bssl::UniquePtr<X509_EXTENSION> extension(
      X509V3_EXT_nconf_nid(nullptr, &context, nid, value));
  CULVERT_ASSERT(extension != nullptr && X509_add_ext(&certificate, extension.get(), -1) == 1);
}

std::string to_pem(X509& certificate) {
  const bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), &certificate);
  const std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  BIO_mem_contents(bio.get(), &bytes, &size);
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

tls::AuthorityParts make_intermediate(const tls::CertificateAuthority& root,
                                      const IntermediateOptions& options) {
  const auto key_pem = tls::generate_key();
  CULVERT_ASSERT(key_pem);
  const auto key = read_key(*key_pem);
  const auto root_key = read_key(root.key_pem());
  const auto bio = reader(root.root_pem());
  const bssl::UniquePtr<X509> issuer(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  const bssl::UniquePtr<X509> made(X509_new());
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set_int64(X509_get_serialNumber(made.get()),
                         options.not_after.time_since_epoch().count());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "O", MBSTRING_ASC,
                             reinterpret_cast<const std::uint8_t*>("intermediate"), -1, -1, 0);
  X509_set_issuer_name(made.get(), X509_get_subject_name(issuer.get()));
  ASN1_TIME_set_posix(X509_getm_notBefore(made.get()),
                      std::chrono::system_clock::to_time_t(options.not_before));
  ASN1_TIME_set_posix(X509_getm_notAfter(made.get()),
                      std::chrono::system_clock::to_time_t(options.not_after));
  X509_set_pubkey(made.get(), key.get());
  extend(*made, *issuer, NID_basic_constraints,
         options.is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
  extend(*made, *issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
  extend(*made, *issuer, NID_subject_key_identifier, "hash");
  extend(*made, *issuer, NID_authority_key_identifier, "keyid");
  CULVERT_ASSERT(X509_sign(made.get(), root_key.get(), EVP_sha256()) > 0);
  return {.certificate = to_pem(*made), .key = *key_pem, .chain = {}, .roots = root.root_pem()};
}

}  // namespace culvert
