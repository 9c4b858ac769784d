// KubernetesSource: the objects of a cluster, followed through its API server.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/kube/reflector.h"
#include "agent/mesh/object_store.h"
#include "agent/mesh/source.h"
#include "ztunnel/lib/io/event.h"

namespace culvert::mesh {

class KubernetesSource final : public Source {
 public:
  // `client` must outlive run(); `server` is its server, for description().
  KubernetesSource(io::Loop& loop, Rng& rng, kube::Client& client, std::string server);

  // run follows every kind that counts for the mesh, until it is cancelled.
  io::Task<> run();

  io::Task<> wait(io::Loop& loop) override;
  // objects() and problems() are always the latest; refresh tells whether they have changed since.
  bool refresh() override;
  const Objects& objects() const override { return store_.objects(); }
  // Of objects, and why a kind is not followed at present; the latter have no `object`.
  std::vector<Problem> problems() const override;

  // complete is true once every kind was listed whole; a kind whose CRD is not installed has no
  // objects that could be missing.
  bool complete() const override;
  std::string description() const override;

 private:
  kube::Consumer consumer_of(const Kind& kind);
  void note(bool changed);

  io::Loop& loop_;
  std::string server_;
  ObjectStore store_;
  std::vector<std::unique_ptr<kube::Reflector>> reflectors_;  // their addresses must stay
  bool changed_ = false;
  io::Event noted_;
};

}  // namespace culvert::mesh
