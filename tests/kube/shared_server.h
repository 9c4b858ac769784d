// One API server for all tests of a binary that do not need one of their own: it takes seconds to
// start.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/api_server.h"

namespace culvert::lab {

// shared_server starts it at the first call, with the CRDs; it ends with the process. Each test
// works in namespaces of its own.
inline ApiServer& shared_server() {
  static ApiServer server;
  static const bool installed = (server.install_crds(), true);
  static_cast<void>(installed);
  return server;
}

}  // namespace culvert::lab
