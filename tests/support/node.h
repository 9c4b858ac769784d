// A node of a scenario: a network namespace, a cgroup2 subtree with the kubelet, the two daemons
// and the pods inside, and a folder with their sockets and logs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "tests/support/pod.h"
#include "tests/support/process.h"

namespace culvert::lab {

// NodePaths says where the parts of one node are; all of them below the scenario's own grounds.
struct NodePaths {
  std::string netns;
  std::string cgroup;        // the node's root: children kubelet, ztunnel, agent, other, pods/…
  std::string folder;        // logs
  std::string run_folder;    // --run-dir
  std::string bpffs;         // the mount; --pin-dir is a folder in it
  std::string objects;       // --source-dir, shared by all nodes of the mesh
  std::string certificates;  // --ca-dir, shared too
};

class Node {
 public:
  Node(std::string name, std::string ip4, std::string ip6, NodePaths paths);
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  const std::string& name() const { return name_; }
  const std::string& ip4() const { return ip4_; }
  const std::string& ip6() const { return ip6_; }
  const NodePaths& paths() const { return paths_; }

  // From now on agents of this node follow the API server of this kubeconfig and not the folder;
  // `certified_by_it`: they have certificates signed there too, and not by the authority of the
  // mesh's folder.
  void follow_cluster(std::string kubeconfig, bool certified_by_it = false) {
    kubeconfig_ = std::move(kubeconfig);
    certified_by_cluster_ = certified_by_it;
  }

  // The daemons, with the flags of the process contract. `more` is appended.
  void start_agent(const Command& more = {});
  void start_ztunnel(const Command& more = {});
  Process& agent() { return agent_; }
  Process& ztunnel() { return ztunnel_; }
  void leave_running();  // lets both outlive this process
  // wait_ready waits until ztunnel's readiness port says 200.
  void wait_ready(Milliseconds limit = 30s);
  bool ready() const;

  // Enrolment through the agent's socket, as the CNI plugin does it: the error's sentence, or
  // nothing.
  std::string try_enrol(const Pod& pod) const;
  void enrol(const Pod& pod) const;  // tries until it works; throws after 20 s
  std::string unenrol(const Pod& pod) const;

  // Programs of the node itself.
  Outcome run_as_kubelet(const Command& command, Milliseconds limit = 10s) const;
  Outcome run_as_other(const Command& command, Milliseconds limit = 10s) const;

  // Admin answers: the body of GET `path` on a daemon's socket, empty when it does not answer.
  std::string ask_agent(std::string_view path) const;
  std::string ask_ztunnel(std::string_view path) const;
  std::string metrics() const;

  // The whole text that the daemons logged so far.
  std::string ztunnel_log() const;
  std::string agent_log() const;

 private:
  std::string ask(std::string_view socket, std::string_view path) const;

  std::string name_;
  std::string ip4_;
  std::string ip6_;
  NodePaths paths_;
  std::string kubeconfig_;  // empty: the folder is followed
  bool certified_by_cluster_ = false;
  Process agent_;
  Process ztunnel_;
};

}  // namespace culvert::lab
