// culvert-agent: flags → Config → Agent.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "agent/agent.h"
#include "agent/config.h"
#include "agent/removal.h"
#include "agent/uninstall/command.h"

namespace {

culvert::Result<> work(const culvert::agent::Config& config) {
  using namespace culvert;
  if (config.uninstall) {
    return uninstall::run(config.kubeconfig, config.in_namespace);
  }
  if (config.remove) {
    return config.stay ? agent::remove_all_and_stay(config) : agent::remove_all(config);
  }
  return agent::run_agent(config);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace culvert;
  const auto read = agent::read_flags(argc, argv);
  if (const auto* early = std::get_if<agent::EarlyExit>(&read)) {
    std::fputs(early->text.c_str(), early->status == 0 ? stdout : stderr);
    return early->status;
  }
  const auto& config = std::get<agent::Config>(read);
  if (const auto ended = work(config); !ended) {
    std::fprintf(stderr, "culvert-agent: %s\n", to_string(ended.error()).c_str());
    return 1;
  }
  return 0;
}
