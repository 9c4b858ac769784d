// Certificate requests and their extensions, inside this room only.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/x509.h>

#include <string>
#include <string_view>
#include <vector>

#include "ztunnel/lib/base/result.h"

namespace culvert::tls {

// parse_csr reads a request and verifies that its own key signed it, and that it is no weak one.
// Fails with `tls`.
Result<bssl::UniquePtr<X509_REQ>> parse_csr(std::string_view pem);

// san_extension is a critical subjectAltName of URIs.
Result<bssl::UniquePtr<X509_EXTENSION>> san_extension(const std::vector<std::string>& uris);

}  // namespace culvert::tls
