// SPDX-License-Identifier: Apache-2.0
#include "agent/ca.h"

#include "agent/mesh/ca_directory.h"
#include "agent/mesh/kubernetes_ca.h"
#include "agent/mesh/local_ca.h"
#include "ztunnel/lib/io/daemon.h"

namespace culvert::agent {
namespace {

class Folder final : public Ca {
 public:
  explicit Folder(tls::CertificateAuthority authority)
      : ca_(std::move(authority), [] { return std::chrono::system_clock::now(); }) {}
  mesh::CaBackend& backend() override { return ca_; }
  io::Task<> run() override { co_return; }

 private:
  mesh::LocalCa ca_;
};

// Its connection is its own: the mesh's source may be a folder.
class Cluster final : public Ca {
 public:
  Cluster(const Config& config, io::Loop& loop, const kube::Config& server)
      : client_(loop, rng_, server),
        ca_(loop, rng_, client_, {.in_namespace = config.in_namespace}) {}
  mesh::CaBackend& backend() override { return ca_; }
  io::Task<> run() override { return client_.run(); }

 private:
  Rng rng_{io::kernel_seed()};
  kube::Client client_;
  mesh::KubernetesCa ca_;
};

}  // namespace

Result<std::unique_ptr<Ca>> open_ca(const Config& config, io::Loop& loop) {
  if (!config.signs_here()) {
    TRY(const auto server, kube::find_config(config.kubeconfig));
    return std::make_unique<Cluster>(config, loop, server);
  }
  TRY(auto authority,
      mesh::open_authority(config.ca_dir, config.trust_domain, std::chrono::system_clock::now()));
  return std::make_unique<Folder>(std::move(authority));
}

}  // namespace culvert::agent
