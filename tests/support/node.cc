// The daemons of a node, and asking them.
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/node.h"

#include <cstdlib>

#include "tests/support/enrol_client.h"
#include "tests/support/lab_error.h"
#include "tests/support/paths.h"

namespace culvert::lab {

namespace {

// Short, so that a drain in a test ends in the test's time; its length is a test of its own.
constexpr std::string_view kDrainTime = "5s";
constexpr Milliseconds kEnrolWithin = 20s;

}  // namespace

Node::Node(std::string name, std::string ip4, std::string ip6, NodePaths paths)
    : name_(std::move(name)),
      ip4_(std::move(ip4)),
      ip6_(std::move(ip6)),
      paths_(std::move(paths)) {}

void Node::start_agent(const Command& more) {
  Command command = {program("culvert-agent"),
                     "--node",
                     name_,
                     "--run-dir",
                     paths_.run_folder,
                     "--state-dir",
                     paths_.run_folder + "/state",
                     "--zds-socket",
                     paths_.run_folder + "/zds.sock",
                     "--pin-dir",
                     paths_.bpffs + "/culvert",
                     "--cgroup",
                     paths_.cgroup,
                     "--probe-cgroup",
                     paths_.cgroup + "/kubelet",
                     "--trust-domain",
                     "cluster.local",
                     "--cluster-id",
                     "Kubernetes",
                     "--log-format",
                     "text"};
  const Command source = kubeconfig_.empty()
                             ? Command{"--source-dir", paths_.objects}
                             : Command{"--source", "kubernetes", "--kubeconfig", kubeconfig_};
  command.insert(command.end(), source.begin(), source.end());
  const Command ca = certified_by_cluster_ ? Command{"--ca", "kubernetes"}
                                           : Command{"--ca-dir", paths_.certificates};
  command.insert(command.end(), ca.begin(), ca.end());
  command.insert(command.end(), more.begin(), more.end());
  agent_ = Process::start({paths_.netns, paths_.cgroup + "/agent"}, command,
                          paths_.folder + "/agent.log");
}

void Node::start_ztunnel(const Command& more) {
  Command command = {program("culvert-ztunnel"),
                     "--node",
                     name_,
                     "--run-dir",
                     paths_.run_folder,
                     "--zds-socket",
                     paths_.run_folder + "/zds.sock",
                     "--workers",
                     "2",
                     "--drain-time",
                     std::string(kDrainTime),
                     "--log-format",
                     "text"};
  command.insert(command.end(), more.begin(), more.end());
  ztunnel_ = Process::start({paths_.netns, paths_.cgroup + "/ztunnel"}, command,
                            paths_.folder + "/ztunnel.log");
}

void Node::leave_running() {
  agent_.release();
  ztunnel_.release();
}

bool Node::ready() const {
  return run({paths_.netns, {}},
             {"curl", "-sf", "--max-time", "2", "http://127.0.0.1:15021/healthz/ready"})
      .ok();
}

void Node::wait_ready(Milliseconds limit) {
  const Later ztunnels{[this] { return ztunnel_log(); }};
  const Later agents{[this] { return agent_log(); }};
  const bool became_ready = eventually(limit, [&] {
    expect(ztunnel_.alive(), "ztunnel of {} ended early; its log says:\n{}", name_, ztunnels);
    expect(agent_.alive(), "the agent of {} ended early; its log says:\n{}", name_, agents);
    return ready();
  });
  expect(became_ready,
         "ztunnel of {} is not ready after {} ms; its log says:\n{}\nthe agent's:\n{}", name_,
         limit.count(), ztunnels, agents);
}

std::string Node::try_enrol(const Pod& pod) const {
  return ask_enrol(paths_.run_folder + "/enrol.sock", "add", pod);
}

void Node::enrol(const Pod& pod) const {
  std::string error;
  const bool enrolled = eventually(kEnrolWithin, [&] { return (error = try_enrol(pod)).empty(); });
  expect(enrolled, "pod {} could not be enrolled on {}: {}\nthe agent's log:\n{}\nztunnel's:\n{}",
         pod.name(), name_, error, Later{[this] { return agent_log(); }},
         Later{[this] { return ztunnel_log(); }});
}

std::string Node::unenrol(const Pod& pod) const {
  return ask_enrol(paths_.run_folder + "/enrol.sock", "del", pod);
}

Outcome Node::run_as_kubelet(const Command& command, Milliseconds limit) const {
  return run({paths_.netns, paths_.cgroup + "/kubelet"}, command, limit);
}

Outcome Node::run_as_other(const Command& command, Milliseconds limit) const {
  return run({paths_.netns, paths_.cgroup + "/other"}, command, limit);
}

std::string Node::ask_agent(std::string_view path) const {
  return ask("agent-admin.sock", path);
}

std::string Node::ask_ztunnel(std::string_view path) const {
  return ask("ztunnel-admin.sock", path);
}

std::string Node::ask(std::string_view socket, std::string_view path) const {
  return run({}, {"curl", "-sf", "--max-time", "5", "--unix-socket",
                  fmt::format("{}/{}", paths_.run_folder, socket),
                  fmt::format("http://localhost{}", path)})
      .out;
}

std::string Node::metrics() const {
  return run({paths_.netns, {}},
             {"curl", "-sf", "--max-time", "5", "http://127.0.0.1:15020/metrics"})
      .out;
}

std::string Node::ztunnel_log() const {
  return read_file(paths_.folder + "/ztunnel.log");
}

std::string Node::agent_log() const {
  return read_file(paths_.folder + "/agent.log");
}

}  // namespace culvert::lab
