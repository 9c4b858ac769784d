// HBONE's headers: what a CONNECT says and what its answer says (wire-facts §1.6, §1.7).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "ztunnel/lib/base/rng.h"
#include "ztunnel/lib/http/headers.h"
#include "ztunnel/lib/policy/inbound.h"
#include "ztunnel/lib/policy/route.h"

namespace culvert::proxy {

// connect_request makes the headers of a CONNECT for `route`, on behalf of `source`.
http::HeaderList connect_request(const policy::Route& route, const policy::Workload& source,
                                 const SocketAddress& client, Rng& rng);

// What a peer's CONNECT asks for.
struct ConnectRequest {
  policy::Authority authority;
  std::string forwarded_host;  // the service that the client addressed, if it said so
  std::string baggage;         // of the source workload, as it came
};

// parse_connect fails with `protocol` and a sentence (answer 400): not a CONNECT, no authority or
// an unreadable one, or a :scheme or :path (RFC 9113 §8.5).
Result<ConnectRequest> parse_connect(const http::HeaderList& request);

// baggage_of tells a peer who `workload` is.
std::string baggage_of(const policy::Workload& workload);

// workload_from_baggage makes a record for telemetry alone of what a peer says of itself;
// `identity` is what it proved, and wins.
policy::WorkloadPtr workload_from_baggage(std::string_view baggage, const SpiffeId& identity);

}  // namespace culvert::proxy
