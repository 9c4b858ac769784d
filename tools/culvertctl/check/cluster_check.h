// `culvertctl check` from a laptop: asks the API server by kubectl, and every node in its agent.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tools/culvertctl/check/line.h"
#include "tools/culvertctl/nodes.h"

namespace culvert::ctl {

// check_cluster gives the lines of the cluster; before the installation those of who is to install,
// and else those of what is installed and of each node. Changes nothing.
Lines check_cluster(const NodesOptions& options, bool before_installation);

}  // namespace culvert::ctl
