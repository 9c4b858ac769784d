// culvertctl from a laptop: the same command on the nodes of a cluster, in the agents' containers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/culvertctl/fields.h"
#include "tools/culvertctl/programs.h"

namespace culvert::ctl {

inline constexpr std::string_view kAllNodes = "all";

struct NodesOptions {
  std::string node;  // a node's name, or kAllNodes
  std::string in_namespace = "culvert-system";
  bool json = false;
};

struct AgentPod {
  std::string node;
  std::string name;
};

// agent_pods reads what kubectl lists as JSON, by node. Fails with `not_found`, naming the nodes
// there are, when there is no agent on `node`.
Result<std::vector<AgentPod>> agent_pods(const Json& list, const std::string& node);

// in_pod gives what kubectl is called with to have `arguments` run in the agent's container.
Command in_pod(const AgentPod& pod, const NodesOptions& options,
               const std::vector<std::string>& arguments);

// run_on_nodes runs culvertctl with `arguments` there. Of all nodes it shows one after the other,
// or as JSON {"NODE": answer, …}. Gives the worst exit code.
int run_on_nodes(const NodesOptions& options, const std::vector<std::string>& arguments);

}  // namespace culvert::ctl
