// The status page: both daemons, the enrolled pods, and what could not be understood.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tools/culvertctl/fields.h"

namespace culvert::ctl {

struct StatusPage {
  Answer ztunnel;  // GET /status
  Answer agent;    // GET /status
  Answer pods;     // the agent's GET /pods
  Answer errors;   // the agent's GET /errors
};

std::string render(const StatusPage& page, bool colour);
std::string to_json(const StatusPage& page);
// is_whole tells whether every daemon answered.
bool is_whole(const StatusPage& page);

}  // namespace culvert::ctl
