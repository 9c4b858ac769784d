// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/policy/authorization.h"

#include <fmt/format.h>

#include <algorithm>

namespace culvert::policy {
namespace {

// What the fields of a match are compared with, computed once per policy.
struct Subject {
  const ConnectionContext& connection;
  std::string_view ns;    // "" when plaintext
  std::string principal;  // "" when plaintext, which no field matches
};

// field combines the two lists of a field: any of the positive (or none given), none of the
// negative.
template <class Item, class Test>
bool field(const std::vector<Item>& positive, const std::vector<Item>& negative, Test test) {
  return (positive.empty() || std::ranges::any_of(positive, test)) &&
         std::ranges::none_of(negative, test);
}

bool matches(const Match& match, const Subject& subject) {
  if (match.is_empty()) {
    return match.widened;
  }
  const auto& connection = subject.connection;
  const auto& peer = connection.peer;
  return field(match.namespaces, match.not_namespaces,
               [&](const StringMatch& m) { return m.matches(subject.ns); }) &&
         field(match.service_accounts, match.not_service_accounts,
               [&](const ServiceAccountMatch& m) {
                 return peer && m.ns == peer->ns && m.service_account == peer->service_account;
               }) &&
         field(match.principals, match.not_principals,
               [&](const StringMatch& m) { return peer && m.matches(subject.principal); }) &&
         field(match.source_ips, match.not_source_ips,
               [&](const Cidr& c) { return c.contains(connection.source); }) &&
         field(match.destination_ips, match.not_destination_ips,
               [&](const Cidr& c) { return c.contains(connection.destination.ip); }) &&
         field(match.destination_ports, match.not_destination_ports,
               [&](std::uint16_t port) { return port == connection.destination.port; });
}

bool matches(const Rule& rule, const Subject& subject) {
  return !rule.never && std::ranges::all_of(rule.clauses, [&](const Clause& clause) {
    return clause.empty() ||
           std::ranges::any_of(clause, [&](const Match& m) { return matches(m, subject); });
  });
}

}  // namespace

bool StringMatch::matches(std::string_view value) const {
  switch (kind) {
    case Kind::exact: return value == text;
    case Kind::prefix: return value.starts_with(text);
    case Kind::suffix: return value.ends_with(text);
    case Kind::presence: return !value.empty();
  }
  return false;
}

bool Match::is_empty() const {
  return namespaces.empty() && not_namespaces.empty() && service_accounts.empty() &&
         not_service_accounts.empty() && principals.empty() && not_principals.empty() &&
         source_ips.empty() && not_source_ips.empty() && destination_ips.empty() &&
         not_destination_ips.empty() && destination_ports.empty() && not_destination_ports.empty();
}

bool matches(const Authorization& policy, const ConnectionContext& connection) {
  Subject subject{connection, {}, {}};
  if (const auto& peer = connection.peer) {
    subject.ns = peer->ns;
    subject.principal =
        fmt::format("{}/ns/{}/sa/{}", peer->trust_domain, peer->ns, peer->service_account);
  }
  return std::ranges::any_of(policy.rules, [&](const Rule& r) { return matches(r, subject); });
}

}  // namespace culvert::policy
