// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/tls/key.h"

#include <openssl/bio.h>
#include <openssl/ec_key.h>
#include <openssl/nid.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "ztunnel/lib/tls/csr.h"
#include "ztunnel/lib/tls/openssl_error.h"
#include "ztunnel/lib/tls/x509.h"

namespace culvert::tls {
namespace {

// 128 bits of security, and RSA's usual least (NIST SP 800-57).
constexpr int kEcBitsMin = 250;  // Ed25519 counts 253
constexpr int kRsaBitsMin = 2048;

}  // namespace

Result<std::string> generate_key() {
  clear_errors();
  bssl::UniquePtr<EC_KEY> ec(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  bssl::UniquePtr<EVP_PKEY> key(EVP_PKEY_new());
  if (ec == nullptr || key == nullptr || EC_KEY_generate_key(ec.get()) != 1 ||
      EVP_PKEY_set1_EC_KEY(key.get(), ec.get()) != 1) {
    return fail(take_error(Errc::tls, "key generation"));
  }
  return to_pem(*key);
}

Result<std::string> make_csr(std::string_view key_pem, const SpiffeId& id) {
  TRY(const auto key, parse_key(key_pem));
  bssl::UniquePtr<X509_REQ> request(X509_REQ_new());
  bssl::UniquePtr<STACK_OF(X509_EXTENSION)> extensions(sk_X509_EXTENSION_new_null());
  TRY(auto san, san_extension({to_string(id)}));
  const bool ok = bssl::PushToStack(extensions.get(), std::move(san)) &&
                  X509_REQ_set_pubkey(request.get(), key.get()) == 1 &&
                  X509_REQ_add_extensions(request.get(), extensions.get()) == 1 &&
                  X509_REQ_sign(request.get(), key.get(), EVP_sha256()) > 0;
  if (!ok) {
    return fail(take_error(Errc::tls, "certificate request"));
  }
  const bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(bio.get(), request.get());
  const std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  BIO_mem_contents(bio.get(), &bytes, &size);
  return std::string(reinterpret_cast<const char*>(bytes), size);
}

Result<bssl::UniquePtr<X509_REQ>> parse_csr(std::string_view pem) {
  clear_errors();
  const bssl::UniquePtr<BIO> bio(
      BIO_new_mem_buf(pem.data(), static_cast<ossl_ssize_t>(pem.size())));
  bssl::UniquePtr<X509_REQ> request(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  if (request == nullptr) {
    return fail(take_error(Errc::tls, "no certificate request in PEM text"));
  }
  const bssl::UniquePtr<EVP_PKEY> key(X509_REQ_get_pubkey(request.get()));
  if (key == nullptr || X509_REQ_verify(request.get(), key.get()) != 1) {
    return fail(take_error(Errc::tls, "the certificate request is not signed by its own key"));
  }
  const int least = EVP_PKEY_id(key.get()) == EVP_PKEY_RSA ? kRsaBitsMin : kEcBitsMin;
  if (const int bits = EVP_PKEY_bits(key.get()); bits < least) {
    return fail(Errc::tls, "the certificate request's key has " + std::to_string(bits) +
                               " bits, the least is " + std::to_string(least));
  }
  return request;
}

Result<bssl::UniquePtr<X509_EXTENSION>> san_extension(const std::vector<std::string>& uris) {
  bssl::UniquePtr<GENERAL_NAMES> names(GENERAL_NAMES_new());
  for (const auto& uri : uris) {
    bssl::UniquePtr<GENERAL_NAME> name(GENERAL_NAME_new());
    bssl::UniquePtr<ASN1_IA5STRING> text(ASN1_IA5STRING_new());
    ASN1_STRING_set(text.get(), uri.data(), static_cast<ossl_ssize_t>(uri.size()));
    GENERAL_NAME_set0_value(name.get(), GEN_URI, text.release());
    bssl::PushToStack(names.get(), std::move(name));
  }
  bssl::UniquePtr<X509_EXTENSION> extension(
      X509V3_EXT_i2d(NID_subject_alt_name, /* crit= */ 1, names.get()));
  if (extension == nullptr) {
    return fail(take_error(Errc::tls, "subject alternative name"));
  }
  return extension;
}

Result<SpiffeId> csr_identity(std::string_view csr_pem) {
  TRY(const auto request, parse_csr(csr_pem));
  const bssl::UniquePtr<STACK_OF(X509_EXTENSION)> extensions(
      X509_REQ_get_extensions(request.get()));
  const bssl::UniquePtr<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(
      X509V3_get_d2i(extensions.get(), NID_subject_alt_name, nullptr, nullptr)));
  clear_errors();
  if (names != nullptr && sk_GENERAL_NAME_num(names.get()) > 1) {
    return fail(Errc::identity, "the certificate request has " +
                                    std::to_string(sk_GENERAL_NAME_num(names.get())) +
                                    " names; a workload's has one, its SPIFFE ID");
  }
  return spiffe_id_of(names.get());
}

}  // namespace culvert::tls
