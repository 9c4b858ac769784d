// What is checked of a node that runs Culvert, from what its daemons say of themselves.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "tools/culvertctl/check/line.h"
#include "tools/culvertctl/status.h"
#include "tools/culvertctl/times.h"

namespace culvert::ctl {

struct NodeAnswers {
  Answer agent;    // GET /status
  Answer errors;   // the agent's GET /errors
  Answer pods;     // the agent's GET /pods
  Answer ztunnel;  // GET /status
  Answer dump;     // ztunnel's GET /config_dump
};

// Probe makes a connection to ztunnel through the pod of this address (probe.h).
using Probe = std::function<Result<>(const std::string& address)>;

// node_lines judges the answers. What follows from something else that failed is skipped, so that
// the line that failed is the one to act on.
Lines node_lines(const NodeAnswers& answers, WallClock now, const Probe& probe);

}  // namespace culvert::ctl
