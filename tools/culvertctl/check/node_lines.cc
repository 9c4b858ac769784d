// The lines of a node: the agent's, and then ztunnel's.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/check/node_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "ztunnel/lib/base/rfc3339.h"

namespace culvert::ctl {
namespace {

constexpr std::string_view kAgent = "agent";
constexpr std::string_view kZtunnel = "ztunnel";
constexpr std::string_view kCaptured = "pods are captured";
constexpr std::string_view kMesh = "mesh (xDS)";

// 8 pods are probed: each takes a moment, and what is wrong with the node is wrong with all.
constexpr std::size_t kProbesMax = 8;

bool is_met(const Line& line) {
  return line.state == LineState::good || line.state == LineState::warning;
}

std::string counted(std::size_t count, std::string_view one, std::string_view more) {
  return fmt::format("{} {}", count, count == 1 ? one : more);
}
std::string mesh_text(std::size_t addresses, std::size_t policies) {
  return counted(addresses, "workload or service", "workloads and services") + ", " +
         counted(policies, "policy", "policies");
}

std::string uptime(const Json& status) {
  return fmt::format("{}, up for {}", text(status, "version"),
                     short_duration(std::chrono::seconds(number(status, "uptimeSeconds"))));
}

// The agent's sentences about one part of its work; each says itself what to do.
std::optional<Verdict> fault_of(const NodeAnswers& answers, std::string_view part,
                                std::string_view next_step) {
  std::vector<std::string> sentences;
  for (const Json& error : objects_in(answers.errors.value)) {
    if (text(error, "part") == part) {
      sentences.push_back(text(error, "error"));
    }
  }
  if (sentences.empty()) {
    return std::nullopt;
  }
  std::string reason = sentences.front();
  if (sentences.size() > 1) {
    reason += fmt::format(" (and {} more)", sentences.size() - 1);
  }
  return failed(std::move(reason), std::string(next_step));
}

Verdict source(const NodeAnswers& answers) {
  const Json& status = answers.agent.value;
  if (auto fault = fault_of(answers, "source",
                            "correct the objects; culvertctl status lists all that were not "
                            "understood")) {
    return *fault;
  }
  if (text(status, "complete") != "true") {
    return failed(text(status, "source") + " was not read as a whole yet",
                  "see in the agent's log what it waits for");
  }
  return good(text(status, "source") + ": " +
              mesh_text(number(status, "addresses"), number(status, "policies")));
}

Verdict probes_of_kubelet(const NodeAnswers& answers) {
  return fault_of(answers, "probes",
                  "give its cgroup as --probe-cgroup; until then probes of STRICT pods fail")
      .value_or(good(text(answers.agent.value, "probeCgroup")));
}

Verdict cni_configuration(const NodeAnswers& answers) {
  const std::string folder = text(answers.agent.value, "cniConfDir");
  if (folder.empty()) {
    return skipped("the agent runs without --cni-conf-dir; pods are taken in once they run");
  }
  return fault_of(answers, "cni",
                  "correct or remove the file; pods are taken in late until culvert-cni is in it")
      .value_or(good("culvert-cni is in the configuration in " + folder));
}

Verdict captured_pods(const NodeAnswers& answers) {
  for (const char* part : {"kernel", "enrolment"}) {
    if (auto fault = fault_of(answers, part,
                              "restart the culvert-agent of this node if it stays so for 30 s, "
                              "and see its log")) {
      return *fault;
    }
  }
  const Json pods = objects_in(answers.pods.value);
  return good(fmt::format("the kernel holds {} as the source wants it",
                          counted(pods.size(), "pod", "pods")));
}

// What ztunnel gets from the agent can't be there without it.
std::optional<Verdict> disconnected(const NodeAnswers& answers, std::string_view key,
                                    std::string_view flag) {
  const std::string state = text(answers.ztunnel.value, key);
  if (state == "connected") {
    return std::nullopt;
  }
  if (!answers.agent.problem.empty()) {
    return skipped("the agent does not answer");
  }
  return failed(
      "ztunnel is not connected: " + state,
      fmt::format("look at ztunnel's log, and whether its {} is where the agent serves", flag));
}

// Stale is a mesh that is not the one that the agent announces. Only an agent whose clients are
// this node's ztunnels is one to compare with: the mesh may come from istiod.
Verdict mesh(const NodeAnswers& answers) {
  if (auto wrong = disconnected(answers, "xds", "--xds-address")) {
    return *wrong;
  }
  if (auto fault = fault_of(answers, "xds", "ztunnel refused an object: correct it")) {
    return *fault;
  }
  const Json& dump = answers.dump.value;
  const auto addresses = field(dump, "workloads").size() + field(dump, "services").size();
  const auto policies = field(dump, "policies").size();
  const Json& agent = answers.agent.value;
  if (number(agent, "xdsClients") > 0 &&
      (number(agent, "addresses") != addresses || number(agent, "policies") != policies)) {
    return failed(fmt::format("ztunnel's mesh is stale: it has {}, and the agent {}",
                              mesh_text(addresses, policies),
                              mesh_text(number(agent, "addresses"), number(agent, "policies"))),
                  "see ztunnel's log; restarting it fetches the mesh anew");
  }
  return good("connected, " + mesh_text(addresses, policies));
}

// Certificates are renewed at half their life: one that is past three quarters was not.
Verdict certificates(const NodeAnswers& answers, WallClock now) {
  const Json all = objects_in(field(answers.dump.value, "certificates"));
  std::optional<std::chrono::seconds> least;
  Verdict late = good("");
  for (const Json& certificate : all) {
    const std::string identity = text(certificate, "identity");
    const Json chain = objects_in(field(certificate, "certChain"));
    const auto from = chain.empty() ? std::nullopt : parse_rfc3339(text(chain[0], "validFrom"));
    const auto until =
        chain.empty() ? std::nullopt : parse_rfc3339(text(chain[0], "expirationTime"));
    if (text(certificate, "state") != "Available" || !from || !until) {
      return failed(identity + ": " + text(certificate, "state"),
                    "see whether the CA answers: the agent's and ztunnel's log name the refusal");
    }
    const auto left = *until - now;
    if (left.count() <= 0) {
      return failed(identity + " has expired " + short_duration(-left) + " ago",
                    "see in ztunnel's log why it was not renewed, and compare the node's clock");
    }
    if (left < (*until - *from) / 4) {
      late = warning(identity + " should have been renewed; it ends in " + short_duration(left),
                     "see in ztunnel's log why it was not");
    }
    least = std::min(least.value_or(left), left);
  }
  if (late.state == LineState::warning) {
    return late;
  }
  return good(least ? fmt::format("{}, the next one ends in {}",
                                  counted(all.size(), "certificate", "certificates"),
                                  short_duration(*least))
                    : "none is needed yet");
}

// ztunnel asks for its pods once it knows the mesh.
Verdict pods(const NodeAnswers& answers, const Lines& before) {
  if (auto wrong = disconnected(answers, "zds", "--zds-socket")) {
    return is_met(*std::ranges::find(before, kMesh, &Line::name))
               ? *wrong
               : skipped("it waits for the mesh");
  }
  return good("connected, " + counted(number(answers.ztunnel.value, "pods"), "pod", "pods"));
}

bool is_ztunnel_met(const Lines& before) {
  return std::ranges::all_of(
      before, [](const Line& line) { return line.group != kZtunnel || is_met(line); });
}

Verdict readiness(const Json& status, const Lines& before) {
  if (text(status, "draining") == "true") {
    return failed("it drains", "it is being replaced: check again when the next one is up");
  }
  if (text(status, "ready") == "true") {
    return good("yes");
  }
  const std::string pending = "it waits for " + joined(field(status, "pending"));
  return is_ztunnel_met(before) ? failed(pending, "see in ztunnel's log what keeps it")
                                : skipped(pending);
}

Verdict io_uring(const Json& status) {
  const std::string reason = text(status, "ioReason");
  if (reason.empty()) {
    return good(text(status, "ioBackend"));
  }
  return warning(
      reason,
      "allow io_uring (kernel.io_uring_disabled, the container's seccomp profile): epoll is "
      "slower");
}

Verdict probe_connection(const NodeAnswers& answers, const Lines& before, const Probe& probe) {
  const auto captured = std::ranges::find(before, kCaptured, &Line::name);
  if (!is_met(*captured) || !is_ztunnel_met(before)) {
    return skipped("something that it needs has failed");
  }
  std::size_t tried = 0;
  for (const Json& pod : objects_in(answers.pods.value)) {
    const Json& ips = field(pod, "ips");
    const std::string ip = ips.is_array() && !ips.empty() ? text(ips[0]) : "";
    if (text(pod, "state") != "captured" || ip.empty() || tried == kProbesMax) {
      continue;
    }
    ++tried;
    if (const auto answered = probe(ip); !answered) {
      return failed(fmt::format("{}/{} ({}): {}", text(pod, "namespace"), text(pod, "name"), ip,
                                to_string(answered.error())),
                    "see whether a NetworkPolicy or a firewall drops port 15008");
    }
  }
  return tried == 0 ? skipped("no pod of this node is captured")
                    : good("ztunnel answers on port 15008 of " + counted(tried, "pod", "pods"));
}

}  // namespace

Lines node_lines(const NodeAnswers& answers, WallClock now, const Probe& probe) {
  Lines lines;
  const auto add = [&](std::string_view group, std::string_view name, Verdict verdict) {
    lines.push_back(line(group, name, std::move(verdict)));
  };
  const bool has_agent = answers.agent.problem.empty();
  const bool has_ztunnel = answers.ztunnel.problem.empty();
  const auto of_agent = [&](std::string_view name, Verdict (*judge)(const NodeAnswers&)) {
    add(kAgent, name, has_agent ? judge(answers) : skipped("the agent does not answer"));
  };
  const auto of_ztunnel = [&](std::string_view name, const std::function<Verdict()>& judge) {
    add(kZtunnel, name, has_ztunnel ? judge() : skipped("ztunnel does not answer"));
  };
  const auto answers_itself = [&](std::string_view daemon, const Answer& answer) {
    add(daemon, "answers",
        answer.problem.empty()
            ? good(uptime(answer.value))
            : failed(answer.problem, fmt::format("start culvert-{} on this node, or see in its log "
                                                 "why it ended",
                                                 daemon)));
  };
  answers_itself(kAgent, answers.agent);
  of_agent("source", source);
  of_agent("kubelet", probes_of_kubelet);
  of_agent("CNI configuration", cni_configuration);
  of_agent(kCaptured, captured_pods);
  answers_itself(kZtunnel, answers.ztunnel);
  of_ztunnel(kMesh, [&] { return mesh(answers); });
  of_ztunnel("certificates (CA)", [&] { return certificates(answers, now); });
  of_ztunnel("pods (ZDS)", [&] { return pods(answers, lines); });
  of_ztunnel("ready", [&] { return readiness(answers.ztunnel.value, lines); });
  of_ztunnel("io_uring", [&] { return io_uring(answers.ztunnel.value); });
  of_ztunnel("probe connection", [&] { return probe_connection(answers, lines, probe); });
  return lines;
}

}  // namespace culvert::ctl
