// ClusterWriter: all that the agent writes into the cluster, as an interface, so that a test can
// make any write fail.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "agent/mesh/desired.h"
#include "ztunnel/lib/io/task.h"

namespace culvert::cluster {

class ClusterWriter {
 public:
  virtual ~ClusterWriter() = default;

  // set_redirection sets or removes the annotation by which others know that the pod speaks HBONE.
  // A pod that is gone is success.
  virtual io::Task<> set_redirection(mesh::LocalPod pod, bool enabled) = 0;

  // post_warning makes an Event on the pod.
  virtual io::Task<> post_warning(mesh::LocalPod pod, std::string sentence) = 0;
};

}  // namespace culvert::cluster
