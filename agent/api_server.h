// ApiServer: the agent's one connection to its cluster's API server, for all that asks there.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "agent/config.h"
#include "agent/kube/client.h"
#include "ztunnel/lib/io/daemon.h"

namespace culvert::agent {

struct ApiServer {
  ApiServer(io::Loop& loop, const kube::Config& config)
      : authority(config.authority), client(loop, rng, config) {}

  std::string authority;
  Rng rng{io::kernel_seed()};
  kube::Client client;  // its run() is the owner's to spawn
};

// open_api_server gives null where nothing that `config` names is in a cluster. Fails with `config`
// when nothing says where the API server is. One that does not answer is no failure: it is tried
// again.
Result<std::unique_ptr<ApiServer>> open_api_server(const Config& config, io::Loop& loop);

}  // namespace culvert::agent
