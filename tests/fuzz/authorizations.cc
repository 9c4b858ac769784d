// An authorization policy as the control plane sends it: decoded, and asked about connections. A
// DENY matches whatever its unknown parts might mean, an ALLOW only what it surely means; a policy
// without unknown parts matches exactly what other code says (policy_oracle.h); bytes that are no
// policy deny everything at the workloads that list it.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tests/fuzz/policy_oracle.h"
#include "ztunnel/lib/base/assert.h"
#include "ztunnel/lib/policy/authorize.h"
#include "ztunnel/lib/policy/decode.h"
#include "ztunnel/lib/policy/store.h"

namespace culvert::fuzz {
namespace {

namespace pb = istio::security;
using namespace policy;

// So many connections are made up of what a policy itself names.
constexpr std::size_t kDerivedMax = 8;

ConnectionContext connection(std::string_view id, std::string_view source, std::string_view to) {
  ConnectionContext made{{}, *IpAddress::parse(source), *SocketAddress::parse(to)};
  if (const auto peer = SpiffeId::parse(id)) {
    made.peer = *peer;
  }
  return made;
}

// A connection that the match may be about: its first names, blocks and ports.
ConnectionContext meant_by(const pb::Match& match) {
  auto made = connection("spiffe://cluster.local/ns/shop/sa/client", "10.0.0.9", "10.0.0.1:8080");
  const auto& principals = match.principals().empty() ? match.not_principals() : match.principals();
  if (!principals.empty()) {
    if (const auto peer = SpiffeId::parse("spiffe://" + principals[0].exact())) {
      made.peer = *peer;
    }
  }
  if (!match.namespaces().empty()) {
    made.peer->ns = match.namespaces(0).exact();
  }
  if (!match.service_accounts().empty()) {
    made.peer->ns = match.service_accounts(0).namespace_();
    made.peer->service_account = match.service_accounts(0).service_account();
  }
  if (!match.source_ips().empty()) {
    made.source =
        IpAddress::from_bytes(as_bytes(match.source_ips(0).address())).value_or(made.source);
  }
  if (!match.destination_ips().empty()) {
    made.destination.ip = IpAddress::from_bytes(as_bytes(match.destination_ips(0).address()))
                              .value_or(made.destination.ip);
  }
  if (!match.destination_ports().empty()) {
    made.destination.port = static_cast<std::uint16_t>(match.destination_ports(0));
  }
  return made;
}

std::vector<ConnectionContext> connections_for(const pb::Authorization& policy) {
  std::vector<ConnectionContext> all = {
      connection("", "10.0.0.9", "10.0.0.1:8080"),
      connection("spiffe://cluster.local/ns/shop/sa/client", "10.0.0.9", "10.0.0.1:8080"),
      connection("spiffe://other.org/ns/default/sa/x", "fd00::9", "[fd00::1]:443"),
  };
  const std::size_t most = all.size() + kDerivedMax;
  for (const auto& rule : policy.rules()) {
    for (const auto& clause : rule.clauses()) {
      for (const auto& match : clause.matches()) {
        if (all.size() < most) {
          all.push_back(meant_by(match));
        }
      }
    }
  }
  return all;
}

// A workload at which a policy of any scope applies.
Workload workload_under(const std::string& ns, const std::string& policy_key) {
  Workload workload{.uid = "Kubernetes//Pod/shop/server", .name = "server", .ns = ns};
  workload.authorization_policies = {policy_key};
  return workload;
}

SnapshotPtr stored(std::string_view name, Bytes bytes) {
  Store store;
  const ResourceBytes resource{name, bytes};
  (void)store.apply_authorizations({&resource, 1}, {});
  return store.snapshot();
}

void check_unreadable(Bytes bytes) {
  const auto snapshot = stored("shop/policy", bytes);
  const auto workload = workload_under("shop", "shop/policy");
  for (const auto& any : connections_for({})) {
    CULVERT_ASSERT(!authorize(*snapshot, workload, any).allow);
  }
}

void check_one(const pb::Authorization& message, const DecodedAuthorization& decoded,
               const Snapshot& snapshot, const ConnectionContext& one) {
  const auto& policy = decoded.policy;
  const bool matched = matches(policy, one);
  const bool known_action = message.action() == pb::ALLOW || message.action() == pb::DENY;
  const auto range = known_action ? may_match(message, one) : Range::known(true);
  if (policy.action == Action::deny) {
    CULVERT_ASSERT(matched || !range.may);
  } else {
    CULVERT_ASSERT(!matched || range.must);
  }
  if (range.unknown || !known_action) {
    CULVERT_ASSERT(!decoded.problems.empty());
  } else {
    CULVERT_ASSERT(matched == range.must);
  }
  const auto verdict = authorize(snapshot, workload_under(policy.ns, policy.key()), one);
  const bool wanted = policy.dry_run || (policy.action == Action::allow) == matched;
  CULVERT_ASSERT(verdict.allow == wanted);
  CULVERT_ASSERT(!verdict.reason.empty());
}

}  // namespace
}  // namespace culvert::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace culvert;
  using namespace culvert::fuzz;
  const auto decoded = decode_authorization({bytes, size});
  pb::Authorization message;
  if (!decoded) {
    CULVERT_ASSERT(!message.ParseFromArray(bytes, static_cast<int>(size)) ||
                   message.name().empty());
    check_unreadable({bytes, size});
    return 0;
  }
  CULVERT_ASSERT(message.ParseFromArray(bytes, static_cast<int>(size)));
  const auto snapshot = stored(decoded->policy.key(), {bytes, size});
  for (const auto& one : connections_for(message)) {
    check_one(message, *decoded, *snapshot, one);
  }
  return 0;
}
