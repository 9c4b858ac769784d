// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/tls/x509.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/mem.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>

#include "ztunnel/lib/tls/openssl_error.h"

namespace culvert::tls {
namespace {

// A bundle of roots of a mesh that rotates has a handful.
constexpr std::size_t kCertificatesMax = 64;

bssl::UniquePtr<BIO> reader(std::string_view text) {
  return bssl::UniquePtr<BIO>(BIO_new_mem_buf(text.data(), static_cast<ossl_ssize_t>(text.size())));
}

std::string contents(BIO& bio) {
  const std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  BIO_mem_contents(&bio, &bytes, &size);
  return {reinterpret_cast<const char*>(bytes), size};
}

SystemTime to_time(const ASN1_TIME& time) {
  std::int64_t seconds = 0;
  (void)ASN1_TIME_to_posix(&time, &seconds);  // certificates that parsed have readable times
  // SystemTime counts nanoseconds, from 1970 to 2262; "without an end" is written as the year 9999
  // (RFC 5280 §4.1.2.5). From zero on, so that the time between any two does not overflow either.
  constexpr auto kLast =
      std::chrono::floor<std::chrono::seconds>(SystemTime::max().time_since_epoch());
  return SystemTime(std::clamp(std::chrono::seconds(seconds), std::chrono::seconds(0), kLast));
}

}  // namespace

Result<Certificates> parse_certificates(std::string_view pem) {
  clear_errors();
  const auto bio = reader(pem);
  Certificates certificates;
  for (;;) {
    bssl::UniquePtr<X509> certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (certificate == nullptr) {
      break;
    }
    if (certificates.size() == kCertificatesMax) {
      return fail(Errc::limit,
                  fmt::format("more than {} certificates in PEM text", kCertificatesMax));
    }
    certificates.push_back(std::move(certificate));
  }
  if (certificates.empty()) {
    return fail(take_error(Errc::tls, "no certificate in PEM text"));
  }
  clear_errors();  // the end of the text is an error in the queue
  return certificates;
}

Result<bssl::UniquePtr<EVP_PKEY>> parse_key(std::string_view pem) {
  clear_errors();
  const auto bio = reader(pem);
  bssl::UniquePtr<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (key == nullptr) {
    return fail(take_error(Errc::tls, "no private key in PEM text"));
  }
  return key;
}

std::string to_pem(X509& certificate) {
  const bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), &certificate);
  return contents(*bio);
}

std::string to_pem(EVP_PKEY& key) {
  const bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(bio.get(), &key, nullptr, nullptr, 0, nullptr, nullptr);
  return contents(*bio);
}

SystemTime not_before(const X509& certificate) {
  return to_time(*X509_get0_notBefore(&certificate));
}

SystemTime not_after(const X509& certificate) {
  return to_time(*X509_get0_notAfter(&certificate));
}

std::string serial_decimal(const X509& certificate) {
  const bssl::UniquePtr<BIGNUM> number(
      ASN1_INTEGER_to_BN(X509_get0_serialNumber(&certificate), nullptr));
  const bssl::UniquePtr<char> text(number == nullptr ? nullptr : BN_bn2dec(number.get()));
  return text == nullptr ? std::string() : std::string(text.get());
}

std::string sha256(const X509& certificate) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  X509_digest(&certificate, EVP_sha256(), digest.data(), &size);
  return fmt::format("{:02x}", fmt::join(digest.begin(), digest.begin() + size, ""));
}

Result<SpiffeId> spiffe_id_of(const GENERAL_NAMES* names) {
  std::string_view uri;
  int uri_count = 0;
  for (std::size_t i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* entry = sk_GENERAL_NAME_value(names, i);
    if (entry->type == GEN_URI) {
      const ASN1_IA5STRING* text = entry->d.uniformResourceIdentifier;
      uri = {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
             static_cast<std::size_t>(ASN1_STRING_length(text))};
      ++uri_count;
    }
  }
  if (uri_count != 1) {
    return fail(Errc::identity,
                fmt::format("the certificate has {} URI names; a workload's has exactly one, its "
                            "SPIFFE ID",
                            uri_count));
  }
  return SpiffeId::parse(uri);
}

Result<SpiffeId> spiffe_id_of(const X509& leaf) {
  const bssl::UniquePtr<GENERAL_NAMES> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&leaf, NID_subject_alt_name, nullptr, nullptr)));
  clear_errors();
  return spiffe_id_of(names.get());
}

}  // namespace culvert::tls
