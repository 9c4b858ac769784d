// The status page: both daemons, the enrolled pods, and what could not be understood.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tools/culvertctl/fields.h"

namespace culvert::ctl {

// DaemonAnswer is what one daemon said, or why it said nothing.
struct DaemonAnswer {
  Json value;  // null where `problem` is set
  std::string problem;
};

struct StatusPage {
  DaemonAnswer ztunnel;  // GET /status
  DaemonAnswer agent;    // GET /status
  DaemonAnswer pods;     // the agent's GET /pods
  DaemonAnswer errors;   // the agent's GET /errors
};

std::string render(const StatusPage& page, bool colour);
std::string to_json(const StatusPage& page);
// is_whole tells whether every daemon answered.
bool is_whole(const StatusPage& page);

}  // namespace culvert::ctl
