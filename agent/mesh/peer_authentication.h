// PeerAuthentication as Authorizations, the only form in which ztunnel learns of it
// (wire-facts §2.6). Private to the translator.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "agent/mesh/objects.h"
#include "agent/mesh/translator.h"

namespace culvert::mesh {

// converted_peers are the policies to send: the static STRICT one if there is any
// PeerAuthentication, and one for each that makes exceptions for ports.
std::vector<istio::security::Authorization> converted_peers(const Objects& objects,
                                                            const MeshOptions& options);

// peer_policies are the names ("namespace/name") of those that `pod` must list.
std::vector<std::string> peer_policies(const Objects& objects, const MeshOptions& options,
                                       const Pod& pod);

}  // namespace culvert::mesh
