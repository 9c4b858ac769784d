// Intermediate CAs, good and bad ones, as people bring them with Istio's Secret `cacerts`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "ztunnel/lib/tls/authority.h"

namespace culvert {

struct IntermediateOptions {
  std::chrono::system_clock::time_point not_before =
      std::chrono::system_clock::now() - std::chrono::hours(1);
  std::chrono::system_clock::time_point not_after =
      std::chrono::system_clock::now() + std::chrono::hours(24 * 365);
  bool is_ca = true;
};

// make_intermediate gives a new CA under `root`: its certificate and key, no chain, and the root.
tls::AuthorityParts make_intermediate(const tls::CertificateAuthority& root,
                                      const IntermediateOptions& options = {});

}  // namespace culvert
