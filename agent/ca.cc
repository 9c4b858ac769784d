// SPDX-License-Identifier: Apache-2.0
#include "agent/ca.h"

#include "agent/mesh/ca_directory.h"
#include "agent/mesh/kubernetes_ca.h"
#include "agent/mesh/local_ca.h"

namespace culvert::agent {

Result<std::unique_ptr<mesh::CaBackend>> open_ca(const Config& config, io::Loop& loop,
                                                 ApiServer* api) {
  if (!config.signs_here()) {
    return std::make_unique<mesh::KubernetesCa>(
        loop, api->rng, api->client,
        mesh::KubernetesCaOptions{.in_namespace = config.in_namespace});
  }
  const auto clock = [] { return std::chrono::system_clock::now(); };
  TRY(auto authority, mesh::open_authority(config.ca_dir, config.trust_domain, clock()));
  return std::make_unique<mesh::LocalCa>(std::move(authority), clock);
}

}  // namespace culvert::agent
