// Callers: a town with an echo server and, on another node, a pod that opens connections to it
// without end.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tests/kind/town.h"

namespace culvert::lab {

struct Callers {
  Callers(const Cluster& cluster, const std::string& name);

  int made() const { return sum("connections"); }
  int lost() const { return sum("lost") + sum("refused"); }
  // go_on waits until some were made from now on.
  bool go_on() const;

  Town town;  // with the pods echo, caller, and client for what a test wants

 private:
  int sum(const char* name) const;
};

}  // namespace culvert::lab
