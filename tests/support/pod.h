// A pod of a scenario: its network namespace, its cgroup, its two addresses, and the programs in
// it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>

#include "tests/support/process.h"

namespace culvert::lab {

class Node;

inline constexpr int kHttpPort = 8080;  // where whoami.py listens
inline constexpr int kEchoPort = 8081;  // where culvert-load's echo listens

// PodSpec is what Kubernetes would know of a pod; the objects for the agent are written from it.
struct PodSpec {
  std::string name;
  std::string service_account;  // the pod's own name when nothing else is said
  std::string uid;
  std::string ip4;
  std::string ip6;
  bool meshed = true;
  std::map<std::string, std::string> annotations;
};

class Pod {
 public:
  Pod(PodSpec spec, std::string netns, Node& node, std::string cgroup, std::string folder);
  Pod(const Pod&) = delete;
  Pod& operator=(const Pod&) = delete;

  // The sentence: mesh.pod("server", "west").serving_http().with_account("shop").
  Pod& outside_the_mesh();
  // Kubernetes says of it that it speaks HBONE, but no agent enrols it: what ends its tunnels is
  // the scenario's own.
  Pod& speaking_hbone_itself();
  Pod& with_account(std::string name);
  Pod& with_uid(std::string uid);  // that an API server gave
  Pod& serving_http();             // whoami.py, says who asked and echoes
  Pod& serving_echo();             // culvert-load echo

  const std::string& name() const { return spec_.name; }
  const PodSpec& spec() const { return spec_; }
  const std::string& ip4() const { return spec_.ip4; }
  const std::string& ip6() const { return spec_.ip6; }
  const std::string& netns() const { return netns_; }
  const std::string& folder() const { return folder_; }  // of the logs
  Node& node() const { return node_; }
  std::string url(std::string_view path = "/") const;   // port 8080 of the IPv4 address
  std::string url6(std::string_view path = "/") const;  // port 8080 of the IPv6 address
  std::string identity() const;                         // spiffe://…

  // Programs in the pod, as a container would run them.
  Outcome run(const Command& command, Milliseconds limit = 10s) const;
  Process& start(const Command& command, std::string_view log_name);
  // curl gives the answer of an unmodified curl; its exit code is in the outcome.
  Outcome curl(const std::string& url, const Command& more = {}) const;

  // log_path is the log of a program started under this name; log gives what a program started
  // under this name has written so far.
  std::string log_path(std::string_view log_name) const;
  std::string log(std::string_view log_name) const;

  // leave_running lets the pod's programs outlive this process.
  void leave_running();

  Place place() const { return {netns_, cgroup_}; }

  // What a person would type to look into the pod.
  std::string enter_line(std::string_view command = "bash") const;

 private:
  PodSpec spec_;
  std::string netns_;
  Node& node_;
  std::string cgroup_;
  std::string folder_;
  std::deque<Process> programs_;  // a deque: references stay good while it grows
};

}  // namespace culvert::lab
