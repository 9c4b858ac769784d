// What is checked of a cluster, from what its API server says: before Culvert is there, and after.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tools/culvertctl/check/line.h"
#include "tools/culvertctl/status.h"

namespace culvert::ctl {

// Lists of objects have them in `items`; texts are arrays of their lines.
struct ClusterAnswers {
  Answer version;    // GET /version
  Answer nodes;      // list
  Answer leases;     // list of those in kube-node-lease, with their managed fields
  Answer redirects;  // list of all DaemonSets and MutatingWebhookConfigurations
  Answer versions;   // text: groups with their versions, each on a line
  Answer space;      // list of the namespace of the daemons, empty where there is none yet
  Answer rights;     // text: "true" for each of `rights_needed` that is allowed
  Answer ours;       // list of DaemonSets, Deployments and Pods in that namespace
};

// rights_needed is what who installs has to create, as resource and group; the review asks about
// all of them.
struct NeededRight {
  const char* resource;
  const char* group;
  bool in_namespace;
};
const std::vector<NeededRight>& rights_needed();
std::string review_of_rights(const std::string& in_namespace);

// cluster_lines judges what has to hold in any cluster; without an API server it is one line.
Lines cluster_lines(const ClusterAnswers& answers);
Line rights_line(const Answer& rights, const std::string& in_namespace);

// is_ready reads the condition of that name of a node or pod.
bool is_ready(const Json& object);

}  // namespace culvert::ctl
