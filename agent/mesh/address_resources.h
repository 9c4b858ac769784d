// Pods, outside endpoints and services as istio.workload.Address. Private to the translator.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/mesh/membership.h"
#include "agent/mesh/objects.h"
#include "agent/mesh/translator.h"
#include "ztunnel/lib/control/proto/workload.pb.h"

namespace culvert::mesh {

// is_mine: the pod runs on the node of these options.
bool is_mine(const Pod& pod, const MeshOptions& options);

// dataplane_mode gives the value of the label that asks for the mesh or against it; empty if none.
std::string_view dataplane_mode(const Meta& meta);

// is_ambient: the labels of the pod, or else of its namespace, ask for the mesh. None if the pod
// says neither yes nor no and its namespace is not known (yet).
std::optional<bool> is_ambient(const Objects& objects, const Pod& pod);
bool is_ambient(const Namespace& ns);

istio::workload::Workload workload_of(const Objects& objects, const MeshOptions& options,
                                      const std::set<std::string>& enrolled, const Pod& pod,
                                      const ServedPorts& services, std::vector<Problem>& problems);

istio::workload::Workload workload_of(const Objects& objects, const MeshOptions& options,
                                      const Outsider& outsider);

istio::workload::Service service_of(const Objects& objects, const MeshOptions& options,
                                    const Service& service, std::vector<Problem>& problems);

}  // namespace culvert::mesh
