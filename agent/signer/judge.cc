// SPDX-License-Identifier: Apache-2.0
#include "agent/signer/judge.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "agent/kube/resources.h"
#include "ztunnel/lib/tls/key.h"

namespace culvert::signer {
namespace {

const std::set<std::string> kUsages{"client auth", "digital signature", "server auth"};

// Kubernetes' names; a selector takes other signs for its own.
bool is_object_name(std::string_view name) {
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

}  // namespace

Result<Grant> judge(const CertificateRequest& request, const Rules& rules) {
  if (request.username != rules.agent) {
    return fail(Errc::denied, fmt::format("{} asks for the certificate of a workload: only {} may",
                                          request.username, rules.agent));
  }
  if (request.node.empty()) {
    return fail(Errc::denied,
                "the API server has not stamped a node on the request: the agent must use the "
                "token of its own pod, and Kubernetes must be 1.30 or newer");
  }
  if (request.usages != kUsages) {
    return fail(Errc::denied,
                fmt::format("the usages of a workload's certificate are {}, and not "
                            "{}",
                            fmt::join(kUsages, ", "), fmt::join(request.usages, ", ")));
  }
  if (request.csr.size() > kCsrBytesMax) {
    return fail(Errc::denied, fmt::format("the request has {} bytes, a workload's has {} at most",
                                          request.csr.size(), kCsrBytesMax));
  }
  const auto id = tls::csr_identity(request.csr);
  if (!id) {
    return fail(Errc::denied, to_string(id.error()));
  }
  if (id->trust_domain != rules.trust_domain) {
    return fail(Errc::denied, fmt::format("{} is of another trust domain than {}", to_string(*id),
                                          rules.trust_domain));
  }
  if (!is_object_name(id->ns) || !is_object_name(id->service_account)) {
    return fail(Errc::denied,
                fmt::format("{} names no service account of Kubernetes", to_string(*id)));
  }
  return Grant{
      .id = *id,
      .node = request.node,
      .lifetime = std::min(request.lifetime.value_or(rules.lifetime_max), rules.lifetime_max)};
}

std::string pods_path(const Grant& grant) {
  return kube::collection_path(kube::kPods, grant.id.ns);
}

kube::Query pods_query(const Grant& grant) {
  return {{"fieldSelector",
           fmt::format("spec.nodeName={},spec.serviceAccountName={},status.phase!=Succeeded,"
                       "status.phase!=Failed",
                       grant.node, grant.id.service_account)},
          {"limit", "1"}};
}

bool has_pod(const Json& list, const Grant& grant) {
  return std::ranges::any_of(child(list, "items"), [&](const Json& pod) {
    const Json& spec = child(pod, "spec");
    return text(spec, "nodeName") == grant.node &&
           text(spec, "serviceAccountName") == grant.id.service_account;
  });
}

std::string no_pod(const Grant& grant) {
  return fmt::format(
      "no pod of the service account {}/{} runs on the node {} that asks for its "
      "certificate",
      grant.id.ns, grant.id.service_account, grant.node);
}

}  // namespace culvert::signer
