// PodNotices: what others are told of the life of a pod, as an interface: enrolment does not know
// whom it tells, nor how.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "agent/mesh/desired.h"
#include "ztunnel/lib/io/task.h"

namespace culvert::enrol {

class PodNotices {
 public:
  virtual ~PodNotices() = default;

  // withdraw ends when nobody is to open tunnels to this pod any more. The pod is still captured
  // meanwhile, and no longer among captured_uids(). What can't be told in time is given up: it
  // never fails but by cancellation.
  virtual io::Task<> withdraw(mesh::LocalPod pod) = 0;

  // failed: the pod is wanted and could not be enrolled; may come again and again.
  virtual void failed(const mesh::LocalPod& pod, const std::string& sentence) = 0;
};

// NoNotices is for a source that nothing can be told to, as a folder is.
class NoNotices final : public PodNotices {
 public:
  io::Task<> withdraw(mesh::LocalPod /*pod*/) override { co_return; }
  void failed(const mesh::LocalPod& /*pod*/, const std::string& /*sentence*/) override {}
};

}  // namespace culvert::enrol
