// culvert-signer: flags → Config → Signer.
// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "agent/signer/config.h"
#include "agent/signer/signer.h"

int main(int argc, char** argv) {
  using namespace culvert;
  const auto read = signer::read_flags(argc, argv);
  if (const auto* early = std::get_if<signer::EarlyExit>(&read)) {
    std::fputs(early->text.c_str(), early->status == 0 ? stdout : stderr);
    return early->status;
  }
  const auto& config = std::get<signer::Config>(read);
  const auto server = kube::find_config(config.kubeconfig);
  const auto ended = server ? signer::run_signer(config, *server) : Result<>(fail(server.error()));
  if (!ended) {
    std::fprintf(stderr, "culvert-signer: %s\n", to_string(ended.error()).c_str());
    return 1;
  }
  return 0;
}
