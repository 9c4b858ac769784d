// SPDX-License-Identifier: Apache-2.0
#include "agent/signer/request.h"

#include "ztunnel/lib/base/base64.h"
#include "ztunnel/lib/base/rfc3339.h"

namespace culvert::signer {
namespace {

using State = CertificateRequest::State;

// Of tokens that are bound to a pod, since Kubernetes 1.30 (KEP-4193).
constexpr const char* kNodeStamp = "authentication.kubernetes.io/node-name";

State state_of(const Json& status) {
  if (!text(status, "certificate").empty()) {
    return State::closed;
  }
  State state = State::waiting;
  for (const Json& condition : child(status, "conditions")) {
    const auto type = text(condition, "type");
    if (type == "Denied" || type == "Failed") {
      return State::closed;
    }
    if (type == "Approved") {
      state = State::approved;
    }
  }
  return state;
}

// A stamp is a list of values; one that is not single says nothing.
std::string stamp(const Json& spec, const char* name) {
  const Json& values = child(child(spec, "extra"), name);
  return values.is_array() && values.size() == 1 && values[0].is_string()
             ? values[0].get<std::string>()
             : std::string();
}

}  // namespace

Result<CertificateRequest> read_request(const Json& object) {
  const Json& metadata = child(object, "metadata");
  const Json& spec = child(object, "spec");
  const auto created = parse_rfc3339(text(metadata, "creationTimestamp"));
  CertificateRequest request{.name = text(metadata, "name"),
                             .signer = text(spec, "signerName"),
                             .state = state_of(child(object, "status")),
                             .created = created.value_or(std::chrono::sys_seconds()),
                             .csr = from_base64(text(spec, "request")).value_or(""),
                             .usages = {},
                             .lifetime = {},
                             .username = text(spec, "username"),
                             .node = stamp(spec, kNodeStamp)};
  if (request.name.empty() || !created) {
    return fail(Errc::protocol, "a CertificateSigningRequest has no name or no creationTimestamp");
  }
  for (const Json& usage : child(spec, "usages")) {
    request.usages.insert(usage.is_string() ? usage.get<std::string>() : std::string());
  }
  if (const Json& seconds = child(spec, "expirationSeconds"); seconds.is_number_integer()) {
    request.lifetime = std::chrono::seconds(seconds.get<std::int64_t>());
  }
  return request;
}

}  // namespace culvert::signer
