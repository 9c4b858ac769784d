// SPDX-License-Identifier: Apache-2.0
#include "agent/api_server.h"

namespace culvert::agent {

Result<std::unique_ptr<ApiServer>> open_api_server(const Config& config, io::Loop& loop) {
  if (config.from_files() && config.signs_here()) {
    return nullptr;
  }
  TRY(const auto server, kube::find_config(config.kubeconfig));
  return std::make_unique<ApiServer>(loop, server);
}

}  // namespace culvert::agent
