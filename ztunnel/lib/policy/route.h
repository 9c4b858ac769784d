// Where an outbound connection goes (wire-facts §2.1).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ztunnel/lib/base/rng.h"
#include "ztunnel/lib/policy/snapshot.h"

namespace culvert::policy {

enum class RouteKind : std::uint8_t {
  hbone,           // open a CONNECT at `address` (podIP:15008) for `authority`
  tcp,             // plain TCP to `address`: a workload of the mesh's view that is not captured
  passthrough,     // plain TCP to the original destination, which the mesh does not know
  needs_waypoint,  // refused: only a waypoint may carry this, and waypoints are not there yet
  other_network,   // refused: the workload is on another network
  no_endpoint,     // refused: the service has no usable endpoint
  own_port,        // refused: a port of the proxy itself
};

std::string_view name(RouteKind kind);

// is_refused is true for the kinds that carry no connection; `message` then says why.
bool is_refused(RouteKind kind);

struct Route {
  RouteKind kind = RouteKind::passthrough;
  SocketAddress address;           // hbone, tcp, passthrough: where to connect
  SocketAddress target;            // hbone, tcp: pod IP and target port
  std::string authority;           // hbone: `target` as text
  std::vector<SpiffeId> expected;  // hbone: the peer must prove one of these; never empty
  WorkloadPtr workload;            // the destination, if the mesh knows one
  ServicePtr service;              // the service it was addressed by, if it was
  std::string message;             // refused: one sentence
};

// route decides for a connection that `source` (the pod's own record) opened to
// `original_destination`. It never bypasses a waypoint. Pure but for `rng`.
Route route(const Snapshot& snapshot, const Workload& source,
            const SocketAddress& original_destination, Rng& rng);

}  // namespace culvert::policy
