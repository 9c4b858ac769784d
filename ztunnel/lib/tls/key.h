// Private keys of workloads: P-256, made where they are used, never sent.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "ztunnel/lib/base/identity.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::tls {

// generate_key makes a P-256 key, as PKCS#8 PEM. Fails with `tls` only without memory or entropy.
Result<std::string> generate_key();

// make_csr makes a certificate request (PEM) for `id`, signed by the key: empty subject, one
// critical URI SAN (wire-facts §4).
Result<std::string> make_csr(std::string_view key_pem, const SpiffeId& id);

// csr_identity verifies a request's own signature and its key's strength, and gives the SPIFFE ID
// that it names, which must be all that it names. Fails with `tls` or `identity`.
Result<SpiffeId> csr_identity(std::string_view csr_pem);

}  // namespace culvert::tls
