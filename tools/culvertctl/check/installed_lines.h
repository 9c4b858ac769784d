// What is checked of an installed Culvert, from the objects in its namespace.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tools/culvertctl/check/cluster_lines.h"

namespace culvert::ctl {

// installed_lines judges whether all that was installed runs, and on every node; one line where
// nothing is.
Lines installed_lines(const ClusterAnswers& answers, const std::string& in_namespace);

// A node that has an agent: where to ask, and what of it is known already.
struct AgentPlace {
  std::string node;
  std::string pod;
  std::string why_not;      // empty, or why nobody can be asked there
  bool has_ztunnel = true;  // false: none runs there, which installed_lines says
};
std::vector<AgentPlace> agent_places(const ClusterAnswers& answers);

}  // namespace culvert::ctl
