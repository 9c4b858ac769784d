// Uninstall: takes Culvert out of a whole cluster before its objects are deleted, by asking the API
// server alone: every node's agent is replaced by one that removes, and what the daemons made is
// deleted. Each step may be repeated, so a run that failed is simply run again.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "agent/kube/client.h"

namespace culvert::uninstall {

struct Options {
  std::string in_namespace;  // of the DaemonSets and the signer
  // How long nodes may take. Helm gives a hook five minutes; this ends before, with the nodes'
  // names.
  io::Duration nodes_within = std::chrono::minutes(4);
  // Told each step, one sentence without a newline.
  std::function<void(const std::string& step)> say = [](const std::string&) {};
};

// remove_from_cluster fails with `timed_out` and the nodes that are left, and as Client::call does.
// What is not there, because a part was never installed or is gone already, is fine.
io::Task<> remove_from_cluster(io::Loop& loop, kube::Client& client, Options options);

}  // namespace culvert::uninstall
