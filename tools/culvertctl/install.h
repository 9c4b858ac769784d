// What `culvertctl install`, `upgrade` and `uninstall` have kubectl and helm do: shown as lines to
// copy, and run with --run. Nothing is done here that these two do not do.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tools/culvertctl/programs.h"

namespace culvert::ctl {

struct InstallOptions {
  std::string command;  // install, upgrade or uninstall
  std::string in_namespace = "culvert-system";
  std::string chart = "manifests/helm/culvert";
  bool run = false;
  std::vector<std::string> helm_flags = {};  // given on to helm: --set image.repository=…
};

// What the cluster has already.
struct Installed {
  bool with_namespace = false;
  bool by_helm = false;  // a release of ours is in the namespace
};

struct Step {
  std::string why;  // empty: as the step before
  Command command;
};

std::vector<Step> plan(const InstallOptions& options, const Installed& installed);

// to_shell gives the steps as comments and lines to copy.
std::string to_shell(const std::vector<Step>& steps);

// install looks at what is there, then shows the steps, or shows and runs each. Gives the exit code
// for culvertctl: 1 when a step failed, after which none is run.
int install(const InstallOptions& options);

}  // namespace culvert::ctl
