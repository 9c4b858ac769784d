// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/nodes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>

namespace culvert::ctl {
namespace {

Result<std::vector<AgentPod>> find_pods(const NodesOptions& options) {
  TRY(const auto ran,
      run_quietly({"kubectl", "get", "pods", "--namespace", options.in_namespace, "--selector",
                   "app.kubernetes.io/name=culvert-agent", "--output", "json"}));
  if (ran.exit_code != 0) {
    return fail(
        Errc::unavailable,
        "kubectl can't list the agents: try kubectl get pods --namespace " + options.in_namespace);
  }
  TRY(const auto list, parse_json(ran.out, "what kubectl lists"));
  return agent_pods(list, options.node);
}

// One node after the other, each as it comes.
Result<int> show(const std::vector<AgentPod>& pods, const NodesOptions& options,
                 const std::vector<std::string>& arguments) {
  int worst = 0;
  for (const auto& pod : pods) {
    if (options.node == kAllNodes) {
      std::printf("%s== %s\n", &pod == &pods.front() ? "" : "\n", pod.node.c_str());
      std::fflush(stdout);
    }
    TRY(const auto ran, run_shown(in_pod(pod, options, arguments)));
    worst = std::max(worst, ran.exit_code);
  }
  return worst;
}

Result<int> show_json(const std::vector<AgentPod>& pods, const NodesOptions& options,
                      const std::vector<std::string>& arguments) {
  int worst = 0;
  Json answers = Json::object();
  for (const auto& pod : pods) {
    TRY(const auto ran, run_quietly(in_pod(pod, options, arguments)));
    TRY(answers[pod.node], parse_json(ran.out, "what culvertctl says on " + pod.node));
    worst = std::max(worst, ran.exit_code);
  }
  std::printf("%s\n", answers.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  return worst;
}

}  // namespace

Result<std::vector<AgentPod>> agent_pods(const Json& list, const std::string& node) {
  std::vector<AgentPod> pods;
  std::vector<std::string> nodes;
  for (const Json& item : objects_in(field(list, "items"))) {
    const AgentPod pod{.node = text(field(item, "spec"), "nodeName"),
                       .name = text(field(item, "metadata"), "name")};
    // One that is being replaced has its successor beside it.
    if (!text(field(item, "metadata"), "deletionTimestamp").empty()) {
      continue;
    }
    nodes.push_back(pod.node);
    if (node == kAllNodes || pod.node == node) {
      pods.push_back(pod);
    }
  }
  std::ranges::sort(pods, {}, &AgentPod::node);
  std::ranges::sort(nodes);
  if (pods.empty()) {
    return fail(
        Errc::not_found,
        nodes.empty()
            ? "there is no agent in this cluster: culvertctl install says how to install it"
            : fmt::format("no agent runs on \"{}\"; they run on {}", node, fmt::join(nodes, ", ")));
  }
  return pods;
}

Command in_pod(const AgentPod& pod, const NodesOptions& options,
               const std::vector<std::string>& arguments) {
  Command command{"kubectl",     "exec",  "--namespace", options.in_namespace, pod.name,
                  "--container", "agent", "--",          "culvertctl"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

int run_on_nodes(const NodesOptions& options, const std::vector<std::string>& arguments) {
  const auto pods = find_pods(options);
  Result<int> worst = pods ? Result<int>(0) : Result<int>(fail(pods.error()));
  if (pods) {
    const bool together = options.json && options.node == kAllNodes;
    worst = together ? show_json(*pods, options, arguments) : show(*pods, options, arguments);
  }
  if (!worst) {
    std::fprintf(stderr, "culvertctl: %s\n", to_string(worst.error()).c_str());
    return worst.error().code == Errc::not_found ? 3 : 1;
  }
  return *worst;
}

}  // namespace culvert::ctl
