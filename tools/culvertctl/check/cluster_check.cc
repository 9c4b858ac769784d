// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/check/cluster_check.h"

#include <algorithm>
#include <atomic>
#include <iterator>
#include <sstream>
#include <thread>
#include <vector>

#include "tools/culvertctl/check/installed_lines.h"
#include "tools/culvertctl/programs.h"

namespace culvert::ctl {
namespace {

// 8: a cluster of a hundred nodes is asked in some ten seconds, and its API server does not notice.
constexpr std::size_t kNodesAtOnce = 8;

Answer ask(const Command& arguments) {
  const auto read = [&]() -> Result<Json> {
    TRY(const std::string out, kubectl(arguments));
    return parse_json(out, "what kubectl writes");
  };
  return answer_of(read());
}

Answer ask_text(const Command& arguments, std::string_view input = {}) {
  const auto read = [&]() -> Result<Json> {
    TRY(const std::string out, kubectl(arguments, input));
    Json all = Json::array();
    std::istringstream text(out);
    for (std::string one; std::getline(text, one);) {
      all.push_back(one);
    }
    return all;
  };
  return answer_of(read());
}

ClusterAnswers ask_cluster(const std::string& in_namespace, bool before_installation) {
  ClusterAnswers answers{.version = ask({"get", "--raw", "/version"})};
  if (!answers.version.problem.empty()) {
    return answers;
  }
  answers.nodes = ask({"get", "nodes", "-o", "json"});
  answers.leases =
      ask({"get", "leases", "-n", "kube-node-lease", "-o", "json", "--show-managed-fields"});
  answers.redirects = ask({"get", "daemonsets,mutatingwebhookconfigurations", "-A", "-o", "json"});
  answers.versions = ask_text({"api-versions"});
  answers.space =
      ask({"get", "namespaces", "-o", "json", "--field-selector", "metadata.name=" + in_namespace});
  if (before_installation) {
    answers.rights = ask_text({"create", "-f", "-", "-o", R"(jsonpath={.status.allowed}{"\n"})"},
                              review_of_rights(in_namespace));
  } else {
    answers.ours = ask({"get", "daemonsets,deployments,pods", "-n", in_namespace, "-o", "json"});
  }
  return answers;
}

Lines ask_node(const AgentPlace& place, const NodesOptions& options) {
  const auto answers = [&](Verdict verdict) {
    Line only = line("agent", "answers", std::move(verdict));
    only.node = place.node;
    return Lines{std::move(only)};
  };
  if (!place.why_not.empty()) {
    return answers(skipped(place.why_not));
  }
  const auto ran = run_quietly(
      in_pod({.node = place.node, .name = place.pod}, options, {"check", "-o", "json"}));
  if (!ran) {
    return answers(failed(to_string(ran.error()), "kubectl has to be there"));
  }
  // A check that found something exits with 1, and is an answer.
  const auto root = parse_json(ran->out, "what culvertctl writes");
  Lines lines = root ? lines_in(*root, place.node) : Lines();
  if (lines.empty()) {
    return answers(failed("kubectl exec into " + place.pod + ": " + first_line(ran->error),
                          "use an account that may exec there, or see whether the kubelet of that "
                          "node answers the API server"));
  }
  for (Line& one : lines) {
    if (!place.has_ztunnel && one.group == "ztunnel" && one.state == LineState::failed) {
      one.state = LineState::skipped;
      one.reason = "no ztunnel runs there";
      one.next_step.clear();
    }
  }
  return lines;
}

// A node that does not answer holds up nobody but itself. Gives the lines in the order of `places`.
Lines ask_nodes(const std::vector<AgentPlace>& places, const NodesOptions& options) {
  std::vector<Lines> answers(places.size());
  std::atomic<std::size_t> next = 0;
  const auto ask_some = [&] {
    for (std::size_t at = next++; at < places.size(); at = next++) {
      answers[at] = ask_node(places[at], options);
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < std::min(kNodesAtOnce, places.size()); ++i) {
      threads.emplace_back(ask_some);
    }
  }
  Lines lines;
  for (auto& of_node : answers) {
    std::ranges::move(of_node, std::back_inserter(lines));
  }
  return lines;
}

}  // namespace

Lines check_cluster(const NodesOptions& options, bool before_installation) {
  const auto answers = ask_cluster(options.in_namespace, before_installation);
  Lines lines = cluster_lines(answers);
  if (!answers.version.problem.empty()) {
    return lines;
  }
  if (before_installation) {
    lines.push_back(rights_line(answers.rights, options.in_namespace));
    return lines;
  }
  std::ranges::move(installed_lines(answers, options.in_namespace), std::back_inserter(lines));
  std::ranges::move(ask_nodes(agent_places(answers), options), std::back_inserter(lines));
  return lines;
}

}  // namespace culvert::ctl
