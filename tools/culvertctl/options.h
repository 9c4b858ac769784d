// The command line of culvertctl.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/culvertctl/ca.h"
#include "tools/culvertctl/install.h"
#include "tools/culvertctl/nodes.h"

namespace culvert::ctl {

// What culvertctl exits with; --help documents it.
enum class Exit : std::uint8_t {
  ok = 0,
  failed = 1,  // a daemon can't be reached, its answer can't be read, or a check failed
  usage = 2,
  not_found = 3,  // no workload, service, … of the name that was asked for
};

struct Options {
  std::string command;
  std::string name;  // the NAME argument; empty shows all
  bool json = false;
  std::string run_dir;
  std::string pod;                   // of connections
  std::string program;               // of verdicts
  bool all = false;                  // of verdicts: those that never happened too
  bool before_installation = false;  // of check, and with it the two folders
  bool here = false;                 // of check: a folder of this node was named
  std::string cni_conf_dir = "/etc/cni/net.d";
  std::string pin_dir = "/sys/fs/bpf/culvert";
  NodesOptions nodes = {};                 // with a node: there, and not here
  std::vector<std::string> for_node = {};  // the arguments for there
  InstallOptions install = {};             // of install, upgrade and uninstall
  RotateOptions rotate = {};               // of rotate
};

// Whether it is install, upgrade or uninstall, which concern a cluster and no node.
bool is_installing(const Options& options);

// Invocation is either options to run with, or the text and exit code of a help, a version or a
// mistake.
struct Invocation {
  std::optional<Options> options;
  std::string text;
  Exit exit = Exit::ok;
};

// concerns_cluster tells whether a check is one of a cluster, by kubectl: it says so, or this is no
// node but a place with kubectl. A node has the daemons' folder, or its folders are named.
bool concerns_cluster(const Options& options);

// parse reads the arguments without the program's name. `run_dir` is the default of --run-dir.
Invocation parse(std::vector<std::string> arguments, std::string run_dir);

}  // namespace culvert::ctl
