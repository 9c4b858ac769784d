// What a Datapath holds while it runs; everything that matters is in the kernel.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "agent/datapath/datapath.h"
#include "agent/datapath/programs.h"
#include "ztunnel/lib/base/fd.h"

namespace culvert::datapath {

struct Datapath::State {
  Fd lock;                  // of the pin directory
  std::string root;         // pin_root()
  std::string cgroup_root;  // DatapathConfig's
  std::uint64_t cgroup_root_id = 0;
  Maps maps;
};

}  // namespace culvert::datapath
