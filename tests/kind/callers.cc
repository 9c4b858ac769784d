// SPDX-License-Identifier: Apache-2.0
#include "tests/kind/callers.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/kind/held.h"
#include "tests/support/lab_error.h"

namespace culvert::lab {

Callers::Callers(const Cluster& cluster, const std::string& name)
    : town(cluster, name, "istio.io/dataplane-mode: ambient") {
  town.pod("echo", {"culvert-load", "echo", kEchoPort}, {.node = cluster.worker(1)});
  town.client("client", {.node = cluster.worker(0)});
  town.wait_until_ready();
  const std::string calls =
      fmt::format("while true; do culvert-load connections {} {} 100 2; sleep 0.5; done",
                  town.ip("echo"), kEchoPort);
  town.pod("caller", {"busybox", "sh", "-c", calls}, {.node = cluster.worker(0)});
  town.wait_until_ready();
  expect(eventually(20s, [&] { return made() > 0; }), "the caller of {} makes no connection", name);
}

bool Callers::go_on() const {
  const int before = made();
  return eventually(20s, [&] { return made() > before; });
}

// The sum of a number over all that the caller has told: a line for each 100 connections.
int Callers::sum(const char* name) const {
  int all = 0;
  std::istringstream lines(town.must_kubectl({"logs", "caller"}));
  for (std::string line; std::getline(lines, line);) {
    const auto told = nlohmann::json::parse(line, nullptr, false);
    all += told.is_object() ? told.value(name, 0) : 0;
  }
  return all;
}

}  // namespace culvert::lab
