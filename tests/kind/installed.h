// The one cluster of all tests of a binary, with Culvert installed by its Helm chart.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/cluster.h"

namespace culvert::lab {

inline constexpr const char* kSystem = "culvert-system";  // the namespace of the daemons

// bare_cluster does not care whether Culvert is there.
const Cluster& bare_cluster();

// installed_cluster installs Istio's CRDs and the chart at the first call, where they are not yet,
// and waits until every daemon is ready. They stay: the next binary finds them.
const Cluster& installed_cluster();

// For who tests just that: what README tells people to type. `values` are more flags of helm.
// uninstall does nothing where it is not installed.
void install_crds(const Cluster& cluster);
void install(const Cluster& cluster, const Command& values = {});
void uninstall(const Cluster& cluster);

// wait_for_daemons waits until every node has agent and ztunnel as the cluster wants them.
void wait_for_daemons(const Cluster& cluster);

}  // namespace culvert::lab
