// culvert-ztunnel: the node's tunnel daemon.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/app.h"

int main(int argc, char** argv) {
  auto parsed = culvert::ztunnel::parse_config(argc, argv);
  if (const int* status = std::get_if<int>(&parsed)) {
    return *status;
  }
  return culvert::ztunnel::run_app(std::get<culvert::ztunnel::Config>(parsed));
}
