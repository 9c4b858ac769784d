// KubernetesCa: has certificates signed by culvert-signer, through CertificateSigningRequests.
// Nothing is kept here: who can't be served now asks again.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "agent/kube/client.h"
#include "agent/mesh/ca_backend.h"

namespace culvert::mesh {

// ztunnel waits for 8 s; it should hear why there is no certificate.
inline constexpr std::chrono::seconds kSignWithin{7};
// The API server takes no request for less.
inline constexpr std::chrono::seconds kRequestedLifetimeMin{600};

struct KubernetesCaOptions {
  std::string in_namespace = "culvert-system";  // of the ConfigMap with the roots
  std::function<std::chrono::system_clock::time_point()> clock = [] {
    return std::chrono::system_clock::now();
  };
};

class KubernetesCa final : public CaBackend {
 public:
  // All that it is given must outlive it.
  KubernetesCa(io::Loop& loop, Rng& rng, kube::Client& client, KubernetesCaOptions options = {})
      : loop_(loop), rng_(rng), client_(client), options_(std::move(options)) {}

  // Fails with `denied` and the signer's words, with `timed_out` when it says nothing within
  // kSignWithin, and as the client does.
  io::Task<control::SignedChain> sign(std::string csr_pem, SpiffeId id,
                                      std::chrono::seconds lifetime) override;

 private:
  io::Task<control::SignedChain> ask(std::string csr_pem, std::chrono::seconds lifetime);
  io::Task<std::string> verdict(std::string name, std::string version);
  io::Task<std::string> roots();

  io::Loop& loop_;
  Rng& rng_;
  kube::Client& client_;
  KubernetesCaOptions options_;
};

}  // namespace culvert::mesh
