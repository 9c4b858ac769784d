// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh_source.h"

#include "agent/kube/client.h"
#include "agent/mesh/file_source.h"
#include "agent/mesh/kubernetes_source.h"
#include "ztunnel/lib/io/daemon.h"
#include "ztunnel/lib/io/scope.h"

namespace culvert::agent {
namespace {

class Folder final : public MeshSource {
 public:
  explicit Folder(mesh::FileSource files) : files_(std::move(files)) {}
  mesh::Source& source() override { return files_; }
  io::Task<> run() override { co_return; }

 private:
  mesh::FileSource files_;
};

class Cluster final : public MeshSource {
 public:
  Cluster(io::Loop& loop, const kube::Config& config)
      : loop_(loop), client_(loop, rng_, config), source_(loop, rng_, client_, config.authority) {}
  mesh::Source& source() override { return source_; }
  io::Task<> run() override {
    io::Scope scope(loop_);
    scope.spawn(client_.run());
    scope.spawn(source_.run());
    co_await scope.join();
  }

 private:
  io::Loop& loop_;
  Rng rng_{io::kernel_seed()};
  kube::Client client_;
  mesh::KubernetesSource source_;
};

}  // namespace

Result<std::unique_ptr<MeshSource>> open_mesh_source(const Config& config, io::Loop& loop) {
  if (config.from_files()) {
    TRY(auto files, mesh::FileSource::open(config.source_dir));
    return std::make_unique<Folder>(std::move(files));
  }
  TRY(const auto kube, kube::find_config(config.kubeconfig));
  return std::make_unique<Cluster>(loop, kube);
}

}  // namespace culvert::agent
