// culvertctl: inspects a node's daemons through their admin sockets. Wiring only.
// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "tools/culvertctl/options.h"
#include "tools/culvertctl/run.h"

int main(int argc, char** argv) {
  using namespace culvert::ctl;
  const char* run_dir = std::getenv("CULVERT_RUN_DIR");
  const Invocation invocation = parse(std::vector<std::string>(argv + 1, argv + argc),
                                      run_dir == nullptr ? "/run/culvert" : run_dir);
  if (!invocation.options) {
    std::fputs(invocation.text.c_str(), invocation.exit == Exit::ok ? stdout : stderr);
    return static_cast<int>(invocation.exit);
  }
  const Options& options = *invocation.options;
  if (is_installing(options)) {
    return install(options.install);
  }
  if (options.command == "rotate") {
    return rotate(options.rotate);
  }
  if (!options.nodes.node.empty() && !concerns_cluster(options)) {
    return run_on_nodes(options.nodes, options.for_node);
  }
  const char* no_color = std::getenv("NO_COLOR");  // no-color.org: set and not empty
  const Surroundings surroundings{
      .colour = ::isatty(STDOUT_FILENO) == 1 && (no_color == nullptr || *no_color == '\0'),
      .now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())};
  const Outcome outcome = run(options, surroundings);
  std::fwrite(outcome.out.data(), 1, outcome.out.size(), stdout);
  std::fputs(outcome.error.c_str(), stderr);
  return static_cast<int>(outcome.exit);
}
