// From the bytes of one xDS resource to a value. Strict: what can't be understood is reported, and
// of policies the rest is kept in the form that fails closed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ztunnel/lib/base/bytes.h"
#include "ztunnel/lib/base/result.h"
#include "ztunnel/lib/policy/authorization.h"
#include "ztunnel/lib/policy/service.h"
#include "ztunnel/lib/policy/workload.h"

namespace culvert::policy {

inline constexpr std::string_view kAddressTypeUrl = "type.googleapis.com/istio.workload.Address";
inline constexpr std::string_view kAuthorizationTypeUrl =
    "type.googleapis.com/istio.security.Authorization";

// One resource may be no larger: istiod's own messages are far below, and one bad peer must not
// make us copy more.
inline constexpr std::size_t kResourceBytesMax = std::size_t{4} << 20;  // 4 MiB

// decode_address reads an istio.workload.Address. Fails with `protocol` and a sentence if the bytes
// are no such message, it is empty, has no key, an address is not of 4 or 16 bytes, a port is over
// 65535, or the tunnel protocol is not NONE or HBONE; with `limit` beyond kResourceBytesMax.
Result<std::variant<Workload, Service>> decode_address(Bytes bytes);

struct DecodedAuthorization {
  Authorization policy;
  // One sentence for each part that could not be decoded; the policy then is stricter than written:
  // an ALLOW rule with such a part matches nothing, a DENY rule everything it could have matched.
  std::vector<std::string> problems;
};

// decode_authorization reads an istio.security.Authorization. Fails with `protocol` only if the
// bytes are no such message or it has no name, with `limit` beyond kResourceBytesMax.
Result<DecodedAuthorization> decode_authorization(Bytes bytes);

// unreadable_authorization stands in for a policy whose bytes are no protobuf: nothing is known but
// its xDS name "namespace/name", so it denies everything at the workloads that list that name.
Authorization unreadable_authorization(std::string_view xds_name);

}  // namespace culvert::policy
