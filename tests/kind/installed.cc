// SPDX-License-Identifier: Apache-2.0
#include "tests/kind/installed.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sstream>

#include "tests/support/api_server.h"
#include "tests/support/lab_error.h"
#include "tests/support/paths.h"

namespace culvert::lab {

namespace {

constexpr Milliseconds kRollout = 250s;  // three drains of 25 s, and three starts

constexpr Milliseconds kHelmTime = 360s;  // its own --timeout is 5 minutes

// The first commands that a section of README tells people to type.
std::string readme_commands(const std::string& section) {
  std::istringstream lines(read_file(source_folder() + "/README.md"));
  std::string line;
  while (line != "## " + section && std::getline(lines, line)) {
  }
  std::string commands;
  while (std::getline(lines, line) && !(line.empty() && !commands.empty())) {
    commands += line.starts_with("    ") ? line.substr(4) + "\n" : "";
  }
  expect(!commands.empty(), "README.md has no commands in its section \"{}\"", section);
  return commands;
}

void type(std::string commands) {
  must_run({}, {"bash", "-e", "-c", "cd " + source_folder() + "\n" + std::move(commands)},
           kHelmTime);
}

}  // namespace

const Cluster& bare_cluster() {
  static const Cluster cluster;
  return cluster;
}

const Cluster& installed_cluster() {
  static const bool done = (install(bare_cluster()), true);
  static_cast<void>(done);
  return bare_cluster();
}

void install_crds(const Cluster& cluster) {
  cluster.kubectl().must_run({"apply", "--server-side", "-f", kubernetes_folder("crds")});
}

void install(const Cluster& cluster, const Command& values) {
  install_crds(cluster);
  std::string commands = readme_commands("Install");
  commands.pop_back();  // the last one is helm's
  type(fmt::format("{} {}", commands, fmt::join(values, " ")));
}

void uninstall(const Cluster& cluster) {
  if (cluster.kubectl().run({"get", "namespace", kSystem}).ok()) {
    type(readme_commands("Uninstall"));
  }
}

void wait_for_daemons(const Cluster& cluster) {
  for (const char* name : {"daemonset/culvert-agent", "daemonset/culvert-ztunnel"}) {
    cluster.kubectl().must_run({"-n", kSystem, "rollout", "status", name, "--timeout=240s"}, {},
                               kRollout);
  }
}

}  // namespace culvert::lab
