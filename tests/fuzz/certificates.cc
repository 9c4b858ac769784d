// Certificates, keys and certificate requests that others made: as PEM, or as DER that is wrapped
// here. What is read is written and read back as the same; an identity is one that its text gives
// again; the CA signs what a request proves to own, for whom it is told and never for whom the
// request names.
// SPDX-License-Identifier: Apache-2.0
#include <openssl/pem.h>

#include "tests/fuzz/scenario.h"
#include "ztunnel/lib/tls/authority.h"
#include "ztunnel/lib/tls/certificate.h"
#include "ztunnel/lib/tls/key.h"
#include "ztunnel/lib/tls/x509.h"

namespace culvert::fuzz {
namespace {

using namespace tls;

constexpr std::chrono::system_clock::time_point kNow{std::chrono::hours(24 * 365 * 56)};  // in 2025

// Made once: the keys are random, but no answer depends on them.
const CertificateAuthority& authority() {
  static const auto made = CertificateAuthority::create("fuzz", kNow);
  CULVERT_ASSERT(made.has_value());
  return *made;
}

std::string wrapped(const char* name, Bytes der) {
  const bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio(bio.get(), name, "", der.data(), static_cast<long>(der.size()));
  const std::uint8_t* text = nullptr;
  std::size_t size = 0;
  BIO_mem_contents(bio.get(), &text, &size);
  return std::string(as_text({text, size}));
}

void check_certificates(const std::string& pem) {
  const auto certificates = parse_certificates(pem);
  if (!certificates) {
    CULVERT_ASSERT(certificates.error().code == Errc::tls);
    return;
  }
  for (const auto& certificate : *certificates) {
    const auto text = to_pem(*certificate);
    const auto again = parse_certificates(text);
    CULVERT_ASSERT(again && again->size() == 1 && to_pem(*again->front()) == text);
    (void)serial_decimal(*certificate);
    CULVERT_ASSERT(not_before(*certificate) == not_before(*again->front()));
    CULVERT_ASSERT(not_after(*certificate) == not_after(*again->front()));
    if (const auto id = spiffe_id_of(*certificate)) {
      const auto parsed = SpiffeId::parse(to_string(*id));
      CULVERT_ASSERT(parsed && *parsed == *id);
    }
  }
  static const std::string key = *generate_key();
  const std::vector<std::string> chain{pem};
  CULVERT_ASSERT(!WorkloadIdentity::make(key, chain, pem));  // the key is nobody's
}

void check_key(const std::string& pem) {
  if (const auto key = parse_key(pem)) {
    const auto text = to_pem(**key);
    const auto again = parse_key(text);
    CULVERT_ASSERT(again && to_pem(**again) == text);
    CULVERT_ASSERT(!CertificateAuthority::load(authority().root_pem(), pem));
  }
}

void check_request(const std::string& pem) {
  const auto named = csr_identity(pem);
  const SpiffeId told{"cluster.local", "shop", "told"};
  const auto leaf = authority().sign(pem, told, kNow);
  CULVERT_ASSERT(leaf || !named);
  if (leaf) {
    const auto issued = parse_certificates(*leaf);
    CULVERT_ASSERT(issued && issued->size() == 1);
    const auto id = spiffe_id_of(*issued->front());
    CULVERT_ASSERT(id && *id == told);
  }
}

}  // namespace
}  // namespace culvert::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace culvert;
  const auto text = as_text({bytes, size});
  const bool is_pem = text.contains("-----BEGIN");
  const auto as_pem = [&](const char* name) {
    return is_pem ? std::string(text) : fuzz::wrapped(name, {bytes, size});
  };
  fuzz::check_certificates(as_pem("CERTIFICATE"));
  fuzz::check_key(as_pem("PRIVATE KEY"));
  fuzz::check_request(as_pem("CERTIFICATE REQUEST"));
  return 0;
}
