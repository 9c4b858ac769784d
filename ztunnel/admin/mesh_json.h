// The mesh of a snapshot as JSON values.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "ztunnel/lib/policy/snapshot.h"

namespace culvert::admin {

// Each gives an array, sorted by uid or by namespace and name.
nlohmann::ordered_json workloads_json(const policy::Snapshot& mesh);
nlohmann::ordered_json services_json(const policy::Snapshot& mesh);
nlohmann::ordered_json policies_json(const policy::Snapshot& mesh);

}  // namespace culvert::admin
