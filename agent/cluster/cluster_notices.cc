// SPDX-License-Identifier: Apache-2.0
#include "agent/cluster/cluster_notices.h"

#include <algorithm>

#include "ztunnel/lib/io/scope.h"

namespace culvert::cluster {

std::vector<MarkedPod> marked_pods(const mesh::Objects& objects, const std::string& node,
                                   const enrol::PodsOfMesh& of_mesh) {
  std::vector<MarkedPod> pods;
  for (const auto& [key, pod] : objects.pods) {
    if (!node.empty() && pod.node == node) {
      const bool marked = mesh::is_redirected(pod);
      const auto& uid = pod.meta.uid;
      pods.push_back(
          {.pod = {.uid = uid, .ns = pod.meta.ns, .name = pod.meta.name},
           .marked = marked,
           .wanted = of_mesh.captured.contains(uid) || (marked && of_mesh.awaited.contains(uid))});
    }
  }
  return pods;
}

bool marked_elsewhere(const mesh::Objects& objects, const std::string& node) {
  return std::ranges::any_of(objects.pods, [&](const auto& entry) {
    return entry.second.node != node && mesh::is_redirected(entry.second);
  });
}

io::Task<> ClusterNotices::run() {
  io::Scope scope(loop_);
  scope.spawn(redirection_.run());
  scope.spawn(warnings_.run());
  co_await scope.join();
}

}  // namespace culvert::cluster
