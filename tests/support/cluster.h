// Cluster: the kind cluster that `tools/kind up` has made and `tools/kind load` has brought our
// images to; with real nodes, each a container of Docker.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/capture.h"
#include "tests/support/kubectl.h"

namespace culvert::lab {

class Cluster {
 public:
  // Finds the one that CULVERT_KIND names. Throws LabError, with what to do, when it does not
  // answer.
  Cluster();

  const Kubectl& kubectl() const { return kubectl_; }

  // In the order of kubectl: the control plane, then the workers.
  const std::vector<std::string>& nodes() const { return nodes_; }
  const std::string& worker(std::size_t index) const { return nodes_.at(1 + index); }
  std::string must_on_node(const std::string& node, const Command& command) const;
  // in_network_of gives the command line that runs a program of this machine in a node's network.
  Command in_network_of(const std::string& node, const Command& command) const;
  // programs_on lists the eBPF programs in the node's cgroups, without those of systemd.
  std::string programs_on(const std::string& node) const;
  // start_node also gives the node the pod network that it has lost.
  void stop_node(const std::string& node) const;
  void start_node(const std::string& node) const;
  // write_network does what the DaemonSet of a network plugin does when it starts: every node's
  // routes, and its CNI configuration as if nobody else had an entry there.
  void write_network() const;

  // capture listens between the nodes; what two pods of one node say each other does not come by.
  Capture capture(std::string file) const;

 private:
  std::string docker(const Command& arguments, Milliseconds limit = 60s) const;

  Kubectl kubectl_;
  std::vector<std::string> nodes_;
};

}  // namespace culvert::lab
