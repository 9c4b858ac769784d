// What enrolment tells ztunnel, as an interface: ZdsServer is the real one, tests have their own.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "agent/enrol/listeners.h"
#include "ztunnel/lib/base/fd.h"
#include "ztunnel/lib/control/zds.h"
#include "ztunnel/lib/io/task.h"

namespace culvert::enrol {

// PodFds are the descriptors of a pod, shared by enrolment and messages under way; they close with
// the last of them.
struct PodFds {
  Fd netns;
  Listeners listeners;
};

struct AnnouncedPod {
  control::ZdsAdd add;
  std::shared_ptr<const PodFds> fds;
};

class Announcer {
 public:
  virtual ~Announcer() = default;
  // announce returns when the newest ztunnel serves the pod. Fails with `unavailable` when none is
  // connected (it waits a while for one), else with what ztunnel said.
  virtual io::Task<> announce(AnnouncedPod pod) = 0;
  // withdraw returns when every ztunnel has let go of the pod, or is gone.
  virtual io::Task<> withdraw(std::string uid) = 0;
};

}  // namespace culvert::enrol
