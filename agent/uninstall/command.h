// culvert-agent --uninstall: the uninstallation as a program's whole work.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "ztunnel/lib/base/result.h"

namespace culvert::uninstall {

// run asks the API server of the kubeconfig, or of the cluster that this process runs in if
// `kubeconfig` is empty, and prints each step. Fails with one sentence.
Result<> run(const std::string& kubeconfig, const std::string& in_namespace);

}  // namespace culvert::uninstall
