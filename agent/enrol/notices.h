// PodNotices: what others are told of the life of a pod, as an interface: enrolment does not know
// whom it tells, nor how.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>

#include "agent/mesh/desired.h"
#include "ztunnel/lib/io/task.h"

namespace culvert::enrol {

// PodsOfMesh are pods of this node, by uid.
struct PodsOfMesh {
  std::set<std::string> captured;  // they speak HBONE
  std::set<std::string> awaited;   // they belong in the mesh and nobody un-enrols them for a label
};

class PodNotices {
 public:
  virtual ~PodNotices() = default;

  // mark ends when whoever can learn of this pod learns that it takes tunnels; the pod is captured
  // already. withdraw ends when nobody is to open tunnels to this pod any more. The pod is still
  // captured meanwhile, and no longer among those of the mesh. What can't be told in time is given
  // up: they never fail but by cancellation.
  virtual io::Task<> mark(mesh::LocalPod pod) = 0;
  virtual io::Task<> withdraw(mesh::LocalPod pod) = 0;

  // failed: the pod is wanted and could not be enrolled; may come again and again.
  virtual void failed(const mesh::LocalPod& pod, const std::string& sentence) = 0;
};

// NoNotices is for a source that nothing can be told to, as a folder is.
class NoNotices final : public PodNotices {
 public:
  io::Task<> mark(mesh::LocalPod /*pod*/) override { co_return; }
  io::Task<> withdraw(mesh::LocalPod /*pod*/) override { co_return; }
  void failed(const mesh::LocalPod& /*pod*/, const std::string& /*sentence*/) override {}
};

}  // namespace culvert::enrol
