// Config: the agent's flags as values, read once by main.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>

#include "agent/cni/keeper.h"
#include "agent/flags/early_exit.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::agent {

struct Config {
  std::string node;
  std::string source = "file";  // or "kubernetes"
  std::string source_dir;       // of the first
  std::string kubeconfig;       // of what is in a cluster; empty: the one that this runs in
  std::string ca = "local";     // or "kubernetes"
  std::string ca_dir;           // of the first
  std::string run_dir = "/run/culvert";
  std::string zds_socket = "/var/run/ztunnel/ztunnel.sock";
  std::string pin_dir = "/sys/fs/bpf/culvert";
  std::string state_dir = "/var/lib/culvert";
  cni::Keeper::Options cni;                 // without its conf_dir nothing is kept
  std::optional<std::string> cgroup;        // none: the cgroup2 root of /proc/mounts
  std::optional<std::string> probe_cgroup;  // none: the kubelet's, looked for in /proc
  std::string trust_domain = "cluster.local";
  std::string cluster_id = "Kubernetes";
  std::string log_format = "text";
  std::string log_level = "info";
  std::chrono::seconds certificate_lifetime{24 * 3600};  // of the pods' leaves, at most
  bool remove = false;                          // un-enrol everything, remove the pins and end
  bool drain = false;                           // with remove: the pods leave in order first
  bool stay = false;                            // with remove: end at SIGTERM only
  bool uninstall = false;                       // have all nodes do so, through the API server
  std::string in_namespace = "culvert-system";  // of --ca kubernetes and --uninstall

  bool from_files() const { return source == "file"; }
  bool signs_here() const { return ca == "local"; }
};

using flags::EarlyExit;

std::variant<Config, EarlyExit> read_flags(int argc, const char* const* argv);

}  // namespace culvert::agent
