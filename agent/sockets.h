// The sockets of the agent that ztunnel and culvert-cni speak to.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "agent/config.h"
#include "agent/root_socket.h"

namespace culvert::agent {

struct Sockets {
  RootSocket zds;
  RootSocket xds;
  RootSocket ca;
  RootSocket enrol;
};

// open_sockets listens on all of them, and makes the run directory if it is absent. Fails with
// `config`, also while another agent serves one.
Result<Sockets> open_sockets(const Config& config);

}  // namespace culvert::agent
