// Certificates for peers that no agent certifies, in the form that Envoy reads and watches: a file
// of SDS secrets, replaced as a whole (Envoy, "Secret discovery service", file-based).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "tests/support/mesh.h"
#include "ztunnel/lib/tls/authority.h"

namespace culvert::lab {

// authority_of loads the root that the mesh's agents share; needs a started mesh.
tls::CertificateAuthority authority_of(const Mesh& mesh);
// stranger makes a root that nobody in the mesh trusts.
tls::CertificateAuthority stranger();

// write_secret writes the SDS file `path` with a fresh key and a leaf for `uris`, valid for
// `lifetime` from now.
void write_secret(const std::string& path, const tls::CertificateAuthority& authority,
                  const std::vector<std::string>& uris,
                  std::chrono::seconds lifetime = std::chrono::hours(1));

}  // namespace culvert::lab
