// SPDX-License-Identifier: Apache-2.0
#include "tests/support/cluster.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <stdlib.h>

#include <sstream>

#include "tests/support/lab_error.h"
#include "tests/support/paths.h"

namespace culvert::lab {

namespace {

// Takes over what `tools/kind env` says a shell needs: where the programs and the cluster are.
void enter_environment() {
  const std::string script = fmt::format(
      R"sh(eval "$({}/tools/kind env)"; printf '%s\n' "$PATH" "$KUBECONFIG" "$DOCKER_HOST")sh",
      source_folder());
  std::istringstream lines(must_run({}, {"bash", "-c", script}, 30s));
  for (const char* name : {"PATH", "KUBECONFIG", "DOCKER_HOST"}) {
    std::string value;
    std::getline(lines, value);
    if (!value.empty()) {
      ::setenv(name, value.c_str(), 1);
    }
  }
}

Command joined(Command all, const Command& more) {
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace

Cluster::Cluster() : kubectl_({}, {"kubectl"}) {
  enter_environment();
  const Outcome listed = kubectl_.run(
      {"get", "nodes", "-o", R"(jsonpath={range .items[*]}{.metadata.name}{"\n"}{end})"});
  expect(listed.ok(), "no kind cluster answers; `tools/kind up && tools/kind load` makes one. {}",
         listed.err);
  std::istringstream lines(listed.out);
  for (std::string node; std::getline(lines, node);) {
    nodes_.push_back(node);
  }
  expect(nodes_.size() >= 3, "the kind cluster has {} nodes, and the tests want three",
         nodes_.size());
}

std::string Cluster::must_on_node(const std::string& node, const Command& command) const {
  return docker(joined({"exec", node}, command));
}

Command Cluster::in_network_of(const std::string& node, const Command& command) const {
  const int pid = std::stoi(docker({"inspect", "-f", "{{.State.Pid}}", node}));
  return joined({"nsenter", fmt::format("--net=/proc/{}/ns/net", pid)}, command);
}

std::string Cluster::programs_on(const std::string& node) const {
  // The node is a cgroup of this machine, and has no bpftool of its own.
  const std::string script = fmt::format(
      R"sh(cgroups=$(awk '$3 == "cgroup2" {{ print $2; exit }}' /proc/mounts)
bpftool cgroup tree "$(find "$cgroups" -type d -name "*{}*" -prune)" | awk 'NF > 1 {{ print $NF }}' |
  grep -Ev '^(sd_|Name$)' | sort || true)sh",
      docker({"inspect", "-f", "{{.Id}}", node}).substr(0, 64));
  return must_run({}, {"bash", "-c", script}, 30s);
}

void Cluster::stop_node(const std::string& node) const {
  docker({"stop", "--time", "10", node});
}

void Cluster::start_node(const std::string& node) const {
  docker({"start", node});
  write_network();
}

void Cluster::write_network() const {
  must_run({}, {source_folder() + "/tools/kubernetes/node/network"}, 60s);
}

Capture Cluster::capture(std::string file) const {
  const std::string network = docker({"network", "inspect", "kind", "--format", "{{.ID}}"});
  return Capture({}, "br-" + network.substr(0, 12), std::move(file));
}

std::string Cluster::docker(const Command& arguments, Milliseconds limit) const {
  return must_run({}, joined({"docker"}, arguments), limit);
}

}  // namespace culvert::lab
