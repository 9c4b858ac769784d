// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh_source.h"

#include "agent/cluster/cluster_notices.h"
#include "agent/cluster/kubernetes_writer.h"
#include "agent/mesh/file_source.h"
#include "agent/mesh/kubernetes_source.h"
#include "ztunnel/lib/io/scope.h"

namespace culvert::agent {
namespace {

class Folder final : public MeshSource {
 public:
  explicit Folder(mesh::FileSource files) : files_(std::move(files)) {}
  mesh::Source& source() override { return files_; }
  enrol::PodNotices& notices() override { return notices_; }
  void show(const enrol::PodsOfMesh& /*pods*/) override {}
  io::Task<> run() override { co_return; }

 private:
  mesh::FileSource files_;
  enrol::NoNotices notices_;
};

class Cluster final : public MeshSource {
 public:
  Cluster(io::Loop& loop, ApiServer& api, const Config& config)
      : loop_(loop),
        node_(config.node),
        leaves_(config.drain),
        source_(loop, api.rng, api.client, api.authority),
        writer_(api.client, node_, [] { return std::chrono::system_clock::now(); }),
        notices_(loop, writer_) {}
  mesh::Source& source() override { return source_; }
  enrol::PodNotices& notices() override { return notices_; }
  void show(const enrol::PodsOfMesh& pods) override {
    const auto& objects = source_.objects();
    notices_.set(cluster::marked_pods(objects, node_, pods),
                 leaves_ && cluster::marked_elsewhere(objects, node_));
  }
  io::Task<> run() override {
    io::Scope scope(loop_);
    scope.spawn(source_.run());
    scope.spawn(notices_.run());
    co_await scope.join();
  }

 private:
  io::Loop& loop_;
  std::string node_;
  bool leaves_;
  mesh::KubernetesSource source_;
  cluster::KubernetesWriter writer_;
  cluster::ClusterNotices notices_;
};

}  // namespace

Result<std::unique_ptr<MeshSource>> open_mesh_source(const Config& config, io::Loop& loop,
                                                     ApiServer* api) {
  if (config.from_files()) {
    TRY(auto files, mesh::FileSource::open(config.source_dir));
    return std::make_unique<Folder>(std::move(files));
  }
  return std::make_unique<Cluster>(loop, *api, config);
}

}  // namespace culvert::agent
