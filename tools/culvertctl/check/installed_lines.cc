// The lines of an installation: its DaemonSets, the signer, and nodes that were left out.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/check/installed_lines.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

namespace culvert::ctl {
namespace {

constexpr std::string_view kGroup = "installation";
constexpr const char* kAgent = "culvert-agent";
constexpr const char* kZtunnel = "culvert-ztunnel";
constexpr const char* kSigner = "culvert-signer";

const Json& metadata(const Json& object) {
  return field(object, "metadata");
}
std::string node_of(const Json& pod) {
  return text(field(pod, "spec"), "nodeName");
}

Json ours(const ClusterAnswers& answers, std::string_view kind, std::string_view name) {
  for (const Json& item : objects_in(field(answers.ours.value, "items"))) {
    if (text(item, "kind") == kind && text(metadata(item), "name") == name) {
      return item;
    }
  }
  return nullptr;
}

// The pods of one of our programs; one that is being replaced has its successor beside it.
std::vector<Json> pods_of(const ClusterAnswers& answers, std::string_view program) {
  std::vector<Json> pods;
  for (const Json& item : objects_in(field(answers.ours.value, "items"))) {
    if (text(item, "kind") == "Pod" &&
        text(field(metadata(item), "labels"), "app.kubernetes.io/name") == program &&
        text(metadata(item), "deletionTimestamp").empty()) {
      pods.push_back(item);
    }
  }
  std::ranges::sort(pods, {}, node_of);
  return pods;
}

// What keeps a pod from running, in the words of scheduler and kubelet; empty if it runs.
std::string why_not_running(const Json& pod) {
  const Json& status = field(pod, "status");
  for (const Json& container : objects_in(field(status, "containerStatuses"))) {
    const Json& state = field(container, "state");
    for (const char* ended : {"waiting", "terminated"}) {
      if (const Json& now = field(state, ended); now.is_object()) {
        return text(now, "reason").empty() ? ended : text(now, "reason");
      }
    }
  }
  for (const Json& condition : objects_in(field(status, "conditions"))) {
    if (text(condition, "type") == "PodScheduled" && text(condition, "status") == "False") {
      return text(condition, "message");
    }
  }
  return text(status, "phase") == "Running" ? "" : "it is " + text(status, "phase");
}

struct Rollout {
  std::uint64_t wanted = 0;
  std::uint64_t updated = 0;
};

// A pod that runs and is not ready can say itself what it waits for.
Verdict rolled_out(const Rollout& rollout, const std::vector<Json>& pods) {
  std::size_t ready = 0;
  for (const Json& pod : pods) {
    const auto name = text(metadata(pod), "name");
    if (const auto reason = why_not_running(pod); !reason.empty()) {
      return failed(fmt::format("{} on {} does not run: {}", name,
                                node_of(pod).empty() ? "no node" : node_of(pod), reason),
                    fmt::format("kubectl describe pod {}, and kubectl logs --previous, in that "
                                "namespace say more",
                                name));
    }
    ready += is_ready(pod) ? 1 : 0;
  }
  if (pods.size() < rollout.wanted) {
    return warning(fmt::format("{} of {} pods are there", pods.size(), rollout.wanted),
                   "kubectl get events in that namespace says why no more can be made");
  }
  if (ready < rollout.wanted) {
    return warning(fmt::format("{} of {} are ready", ready, rollout.wanted),
                   "the lines of their nodes, or kubectl logs, say what they wait for");
  }
  if (rollout.updated < rollout.wanted) {
    return warning(
        fmt::format("{} of {} are of the version that is wanted", rollout.updated, rollout.wanted),
        "it is being rolled out: check again in a moment");
  }
  return good(fmt::format("{} ready", ready));
}

Verdict missing(const char* name) {
  return failed(fmt::format("there is no {}", name),
                "it was deleted: culvertctl upgrade brings it back");
}

Verdict daemons(const ClusterAnswers& answers, const char* name) {
  const Json set = ours(answers, "DaemonSet", name);
  const Json& status = field(set, "status");
  return set.is_null() ? missing(name)
                       : rolled_out({.wanted = number(status, "desiredNumberScheduled"),
                                     .updated = number(status, "updatedNumberScheduled")},
                                    pods_of(answers, name));
}

// Connections do not wait for it, but certificates that end do.
Verdict signer(const ClusterAnswers& answers) {
  const Json deployment = ours(answers, "Deployment", kSigner);
  if (deployment.is_null()) {
    return missing(kSigner);
  }
  const auto pods = pods_of(answers, kSigner);
  const auto wanted = number(field(deployment, "spec"), "replicas");
  auto verdict = rolled_out(
      {.wanted = wanted, .updated = number(field(deployment, "status"), "updatedReplicas")}, pods);
  if (wanted == 0) {
    return failed(
        "it is scaled to no replica: no certificate is signed or renewed",
        fmt::format("kubectl scale deployment {} --replicas=2 in that namespace", kSigner));
  }
  if (verdict.state == LineState::warning && std::ranges::none_of(pods, is_ready)) {
    return failed("no replica is ready: no certificate is signed or renewed",
                  fmt::format("kubectl logs deployment/{} in that namespace says what it waits for",
                              kSigner));
  }
  return verdict;
}

// The nodes that have no pod of a program, whether it should be there or not.
std::vector<std::string> nodes_without(const ClusterAnswers& answers, const char* program) {
  const auto pods = pods_of(answers, program);
  std::vector<std::string> without;
  for (const Json& node : objects_in(field(answers.nodes.value, "items"))) {
    const auto name = text(metadata(node), "name");
    // Windows has another kernel, and no pods of ours.
    if (text(field(field(node, "status"), "nodeInfo"), "operatingSystem") == "linux" &&
        std::ranges::find(pods, name, node_of) == pods.end()) {
      without.push_back(name);
    }
  }
  return without;
}

Verdict every_node(const ClusterAnswers& answers) {
  if (!answers.nodes.problem.empty()) {
    return skipped(answers.nodes.problem);
  }
  for (const auto& [program, what] :
       {std::pair{kAgent, "no agent on {}: new pods there are not in the mesh"},
        std::pair{kZtunnel, "no ztunnel on {}: pods of the mesh there have no connections"}}) {
    if (const auto without = nodes_without(answers, program); !without.empty()) {
      return failed(fmt::format(fmt::runtime(what), fmt::join(without, ", ")),
                    fmt::format("see what keeps DaemonSet {} away: nodeSelector, affinity, or "
                                "events in its namespace",
                                program));
    }
  }
  return good("has an agent and a ztunnel");
}

}  // namespace

Lines installed_lines(const ClusterAnswers& answers, const std::string& in_namespace) {
  if (!answers.ours.problem.empty()) {
    return {line(kGroup, "daemons",
                 failed(answers.ours.problem,
                        "use an account that may list DaemonSets, Deployments "
                        "and Pods in " +
                            in_namespace))};
  }
  if (ours(answers, "DaemonSet", kAgent).is_null() &&
      ours(answers, "DaemonSet", kZtunnel).is_null()) {
    return {line(kGroup, "daemons",
                 failed("there is no Culvert in namespace " + in_namespace,
                        "culvertctl install says how to install it; if it is elsewhere, say "
                        "--namespace; before installing, check --pre"))};
  }
  return {line(kGroup, "agents", daemons(answers, kAgent)),
          line(kGroup, "ztunnels", daemons(answers, kZtunnel)),
          line(kGroup, "signer", signer(answers)), line(kGroup, "every node", every_node(answers))};
}

std::vector<AgentPlace> agent_places(const ClusterAnswers& answers) {
  std::vector<AgentPlace> places;
  std::vector<std::string> nodes_away;
  for (const Json& node : objects_in(field(answers.nodes.value, "items"))) {
    if (!is_ready(node)) {
      nodes_away.push_back(text(metadata(node), "name"));
    }
  }
  const auto ztunnels = pods_of(answers, kZtunnel);
  for (const Json& pod : pods_of(answers, kAgent)) {
    if (node_of(pod).empty()) {
      continue;
    }
    AgentPlace place{.node = node_of(pod), .pod = text(metadata(pod), "name"), .why_not = {}};
    if (std::ranges::find(nodes_away, place.node) != nodes_away.end()) {
      place.why_not = "the node is not ready";
    } else if (!why_not_running(pod).empty()) {
      place.why_not = "its pod does not run";
    }
    place.has_ztunnel = std::ranges::any_of(ztunnels, [&](const Json& ztunnel) {
      return node_of(ztunnel) == place.node && why_not_running(ztunnel).empty();
    });
    places.push_back(std::move(place));
  }
  return places;
}

}  // namespace culvert::ctl
