// LocalCa: an authority of the agents' own, whose key is on this node.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "agent/mesh/ca_backend.h"
#include "ztunnel/lib/tls/authority.h"

namespace culvert::mesh {

class LocalCa final : public CaBackend {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  LocalCa(tls::CertificateAuthority authority, Clock clock)
      : authority_(std::move(authority)), clock_(std::move(clock)) {}

  io::Task<control::SignedChain> sign(std::string csr_pem, SpiffeId id,
                                      std::chrono::seconds lifetime) override;

 private:
  tls::CertificateAuthority authority_;
  Clock clock_;
};

}  // namespace culvert::mesh
