// ClusterNotices: what a cluster is told of this node's pods, as enrolment and the agent tell it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "agent/cluster/redirection.h"
#include "agent/cluster/warnings.h"
#include "agent/enrol/notices.h"
#include "agent/mesh/objects.h"

namespace culvert::cluster {

// marked_pods gives the pods of `node`, each with what the source shows of it and what it should.
// Those that are captured shall carry the annotation. Those that belong in the mesh and wait for
// capture, after their node or their sandbox was restarted, keep the one that they have: without it
// others would talk to them in plaintext, with it others wait.
std::vector<MarkedPod> marked_pods(const mesh::Objects& objects, const std::string& node,
                                   const enrol::PodsOfMesh& pods);

// marked_elsewhere tells whether a pod of another node than `node` carries the annotation.
bool marked_elsewhere(const mesh::Objects& objects, const std::string& node);

class ClusterNotices final : public enrol::PodNotices {
 public:
  // `writer` must outlive the tasks.
  ClusterNotices(io::Loop& loop, ClusterWriter& writer)
      : loop_(loop), redirection_(loop, writer), warnings_(loop, writer) {}

  // run writes what is to be written, until it is cancelled.
  io::Task<> run();

  // set takes all pods of this node anew, after each translation; see Redirection::set.
  void set(const std::vector<MarkedPod>& pods, bool others_leave = false) {
    redirection_.set(pods, others_leave);
  }
  io::Task<> mark(mesh::LocalPod pod) override { return redirection_.mark(std::move(pod)); }
  io::Task<> withdraw(mesh::LocalPod pod) override { return redirection_.withdraw(std::move(pod)); }
  void failed(const mesh::LocalPod& pod, const std::string& sentence) override {
    warnings_.warn(pod, sentence);
  }

 private:
  io::Loop& loop_;
  Redirection redirection_;
  Warnings warnings_;
};

}  // namespace culvert::cluster
