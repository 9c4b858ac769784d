// Authorization: one L4 policy as a value, decoded strictly, and how it matches a connection.
// Rules are ORed, their clauses ANDed, the matches of a clause ORed, the fields of a match ANDed;
// inside a field the positive list means any, the negative one none.
// Source of truth: wire-facts §2.6; ztunnel rbac.rs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/base/identity.h"

namespace culvert::policy {

struct StringMatch {
  enum class Kind : std::uint8_t { exact, prefix, suffix, presence };
  Kind kind = Kind::exact;
  std::string text;  // unused for presence

  bool matches(std::string_view value) const;
  bool operator==(const StringMatch&) const = default;
};

struct ServiceAccountMatch {
  std::string ns;
  std::string service_account;
  bool operator==(const ServiceAccountMatch&) const = default;
};

struct Match {
  std::vector<StringMatch> namespaces, not_namespaces;
  std::vector<ServiceAccountMatch> service_accounts, not_service_accounts;
  std::vector<StringMatch> principals, not_principals;  // "td/ns/x/sa/y", no scheme
  std::vector<Cidr> source_ips, not_source_ips;
  std::vector<Cidr> destination_ips, not_destination_ips;
  std::vector<std::uint16_t> destination_ports, not_destination_ports;
  // Set when a part of a DENY could not be decoded and was left out so that it matches everything
  // it could have: then a match without any list is true instead of false.
  bool widened = false;

  bool is_empty() const;
  bool operator==(const Match&) const = default;
};

using Clause = std::vector<Match>;

struct Rule {
  std::vector<Clause> clauses;
  bool never = false;  // a part of an ALLOW could not be decoded: this rule matches nothing
  bool operator==(const Rule&) const = default;
};

enum class PolicyScope : std::uint8_t { global, namespace_wide, workload_selector };
enum class Action : std::uint8_t { allow, deny };

struct Authorization {
  std::string name;
  std::string ns;
  PolicyScope scope = PolicyScope::global;
  Action action = Action::allow;
  std::vector<Rule> rules;
  bool dry_run = false;  // never decides

  std::string key() const { return ns + "/" + name; }
  bool operator==(const Authorization&) const = default;
};

using AuthorizationPtr = std::shared_ptr<const Authorization>;

// ConnectionContext is what a policy may ask about a connection.
struct ConnectionContext {
  std::optional<SpiffeId> peer;  // the identity proved by mutual TLS; none: plaintext
  IpAddress source;              // the TCP peer
  SocketAddress destination;     // the resolved address: pod IP and target port
};

// matches tells if any rule of `policy` matches; it looks at neither action nor dry_run.
bool matches(const Authorization& policy, const ConnectionContext& connection);

}  // namespace culvert::policy
