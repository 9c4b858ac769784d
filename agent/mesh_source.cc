// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh_source.h"

#include "agent/cluster/cluster_notices.h"
#include "agent/cluster/kubernetes_writer.h"
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
  enrol::PodNotices& notices() override { return notices_; }
  void show_captured(const std::set<std::string>& /*uids*/) override {}
  io::Task<> run() override { co_return; }

 private:
  mesh::FileSource files_;
  enrol::NoNotices notices_;
};

class Cluster final : public MeshSource {
 public:
  Cluster(io::Loop& loop, const kube::Config& config, const std::string& node)
      : loop_(loop),
        node_(node),
        client_(loop, rng_, config),
        source_(loop, rng_, client_, config.authority),
        writer_(client_, node, [] { return std::chrono::system_clock::now(); }),
        notices_(loop, writer_) {}
  mesh::Source& source() override { return source_; }
  enrol::PodNotices& notices() override { return notices_; }
  void show_captured(const std::set<std::string>& uids) override {
    notices_.set(cluster::marked_pods(source_.objects(), node_, uids));
  }
  io::Task<> run() override {
    io::Scope scope(loop_);
    scope.spawn(client_.run());
    scope.spawn(source_.run());
    scope.spawn(notices_.run());
    co_await scope.join();
  }

 private:
  io::Loop& loop_;
  std::string node_;
  Rng rng_{io::kernel_seed()};
  kube::Client client_;
  mesh::KubernetesSource source_;
  cluster::KubernetesWriter writer_;
  cluster::ClusterNotices notices_;
};

}  // namespace

Result<std::unique_ptr<MeshSource>> open_mesh_source(const Config& config, io::Loop& loop) {
  if (config.from_files()) {
    TRY(auto files, mesh::FileSource::open(config.source_dir));
    return std::make_unique<Folder>(std::move(files));
  }
  TRY(const auto kube, kube::find_config(config.kubeconfig));
  return std::make_unique<Cluster>(loop, kube, config.node);
}

}  // namespace culvert::agent
