// KubernetesWriter: what the agent writes, written through the Kubernetes API.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "agent/cluster/cluster_writer.h"
#include "agent/kube/client.h"

namespace culvert::cluster {

// 1 KiB: of an Event's message; what events.k8s.io takes as a note.
inline constexpr std::size_t kEventMessageBytesMax = 1024;

class KubernetesWriter final : public ClusterWriter {
 public:
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  // `client` must outlive all tasks; `node` is where the Events say they come from.
  KubernetesWriter(kube::Client& client, std::string node, Clock clock)
      : client_(client), node_(std::move(node)), clock_(std::move(clock)) {}

  // set_redirection patches the pod's status, so that the agent needs no right to change pods. A
  // pod of the same name and another uid is left alone: ours is gone.
  io::Task<> set_redirection(mesh::LocalPod pod, bool enabled) override;
  io::Task<> post_warning(mesh::LocalPod pod, std::string sentence) override;

 private:
  kube::Client& client_;
  std::string node_;
  Clock clock_;
};

}  // namespace culvert::cluster
