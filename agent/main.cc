// culvert-agent: flags → Config → Agent.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "agent/agent.h"
#include "agent/config.h"
#include "agent/removal.h"

int main(int argc, char** argv) {
  using namespace culvert;
  const auto read = agent::read_flags(argc, argv);
  if (const auto* early = std::get_if<agent::EarlyExit>(&read)) {
    std::fputs(early->text.c_str(), early->status == 0 ? stdout : stderr);
    return early->status;
  }
  const auto& config = std::get<agent::Config>(read);
  const auto ended = config.remove ? agent::remove_all(config) : agent::run_agent(config);
  if (!ended) {
    std::fprintf(stderr, "culvert-agent: %s\n", to_string(ended.error()).c_str());
    return 1;
  }
  return 0;
}
