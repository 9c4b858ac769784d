// X.509 as values, inside this room only: PEM in and out, and the SPIFFE identity of a certificate.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/base.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "ztunnel/lib/base/identity.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::tls {

using SystemTime = std::chrono::system_clock::time_point;

using Certificates = std::vector<bssl::UniquePtr<X509>>;

// parse_certificates reads every certificate of a PEM text; at least one. Fails with `tls`.
Result<Certificates> parse_certificates(std::string_view pem);
Result<bssl::UniquePtr<EVP_PKEY>> parse_key(std::string_view pem);

std::string to_pem(X509& certificate);
std::string to_pem(EVP_PKEY& key);  // PKCS#8

// The times of a certificate, at most SystemTime's last (in 2262), which stands for all later ones.
SystemTime not_before(const X509& certificate);
SystemTime not_after(const X509& certificate);
std::string serial_decimal(const X509& certificate);
std::string sha256(const X509& certificate);  // of its DER form, in hex

// spiffe_id_of gives the identity of a leaf: it must have exactly one URI SAN, of SPIFFE's form.
// More would let a peer be checked as one and be treated as another (wire-facts §1.3). Fails with
// `identity`.
Result<SpiffeId> spiffe_id_of(const X509& leaf);
Result<SpiffeId> spiffe_id_of(const GENERAL_NAMES* names);

}  // namespace culvert::tls
