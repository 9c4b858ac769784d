// The one way from Kubernetes objects to the mesh, as istiod goes it; pure.
// Source of truth: istio pilot/pkg/serviceregistry/kube/controller/ambient/*.go; wire-facts §2.6.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <vector>

#include "agent/mesh/desired.h"
#include "agent/mesh/objects.h"

namespace culvert::mesh {

struct MeshOptions {
  std::string node;  // pods with this spec.nodeName are mine
  std::string cluster_id = "Kubernetes";
  std::string trust_domain = "cluster.local";
  std::string cluster_domain = "cluster.local";  // the end of service hostnames
  std::string root_namespace = "istio-system";
  // This node leaves the mesh: none of its pods belongs in it, and no policy holds for them any
  // more. Those of other nodes may be in it still.
  bool leaves = false;
};

// Refusal is a pod of this node that asks for the mesh and can't be in it.
struct Refusal {
  LocalPod pod;
  std::string sentence;
};

struct Translation {
  DesiredMesh mesh;
  std::vector<Refusal> refused;  // told in `problems` as well
  std::vector<Problem> problems;
};

// translate makes the mesh of `objects`. `enrolled` holds the uids (metadata.uid) of pods that this
// agent has captured: they speak HBONE even before their annotation is written.
Translation translate(const Objects& objects, const MeshOptions& options,
                      const std::set<std::string>& enrolled);

}  // namespace culvert::mesh
