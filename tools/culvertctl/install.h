// What `culvertctl install`, `upgrade` and `uninstall` have kubectl and helm do.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tools/culvertctl/steps.h"

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

std::vector<Step> plan(const InstallOptions& options, const Installed& installed);

// install looks at what is there, then shows the steps, or shows and runs each. Gives the exit code
// for culvertctl: 1 when a step failed, after which none is run.
int install(const InstallOptions& options);

}  // namespace culvert::ctl
