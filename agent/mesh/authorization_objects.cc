// AuthorizationPolicy, converted to L4 as istiod does it (ambient/authorization.go), and
// strictly: a part that can't be understood makes an ALLOW rule match nothing and a DENY rule match
// everything it could have.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "agent/mesh/object_reader.h"

namespace culvert::mesh {
namespace {

namespace pb = istio::security;

// Entry is one text of a list; the read_… functions put it into a match, or give false if it is no
// such thing.
struct Entry {
  const std::string& text;
  const std::string& policy_ns;
  bool negative;
};

// How Istio's API writes StringMatch: "*", "*suffix", "prefix*" or the text itself.
bool set_match(const std::string& text, pb::StringMatch& match) {
  if (text.empty() || text.starts_with("spiffe://")) {
    return false;  // principals are written without the scheme, and would else match nobody
  }
  if (text == "*") {
    match.mutable_presence();
  } else if (text.front() == '*') {
    match.set_suffix(text.substr(1));
  } else if (text.back() == '*') {
    match.set_prefix(text.substr(0, text.size() - 1));
  } else {
    match.set_exact(text);
  }
  return true;
}

bool set_block(const std::string& text, pb::Address& address) {
  const auto cidr = Cidr::parse(text);
  if (!cidr) {
    return false;
  }
  address.set_address(std::string(as_text(cidr->ip.octets())));
  address.set_length(cidr->prefix_bits);
  return true;
}

bool read_namespace_match(const Entry& e, pb::Match& m) {
  return set_match(e.text, e.negative ? *m.add_not_namespaces() : *m.add_namespaces());
}
bool read_principal(const Entry& e, pb::Match& m) {
  return set_match(e.text, e.negative ? *m.add_not_principals() : *m.add_principals());
}
bool read_source_ip(const Entry& e, pb::Match& m) {
  return set_block(e.text, e.negative ? *m.add_not_source_ips() : *m.add_source_ips());
}
bool read_destination_ip(const Entry& e, pb::Match& m) {
  return set_block(e.text, e.negative ? *m.add_not_destination_ips() : *m.add_destination_ips());
}
bool read_port(const Entry& e, pb::Match& m) {
  const auto port = port_number(e.text);
  if (port) {
    e.negative ? m.add_not_destination_ports(*port) : m.add_destination_ports(*port);
  }
  return port.has_value();
}
// "namespace/name", or "name" in the namespace of the policy.
bool read_account(const Entry& e, pb::Match& m) {
  const auto slash = e.text.find('/');
  const bool alone = slash == std::string::npos;
  auto& match = e.negative ? *m.add_not_service_accounts() : *m.add_service_accounts();
  match.set_namespace_(alone ? e.policy_ns : e.text.substr(0, slash));
  match.set_service_account(alone ? e.text : e.text.substr(slash + 1));
  return !match.namespace_().empty() && !match.service_account().empty() &&
         !match.service_account().contains('/');
}

// Field is one list that a source, an operation or a condition may hold; `read` is null for HTTP
// attributes, which only a waypoint could check.
struct Field {
  std::string_view key;
  bool (*read)(const Entry&, pb::Match&);
  bool negative = false;
};

constexpr std::array kSourceFields = {
    Field{"principals", read_principal},       Field{"notPrincipals", read_principal, true},
    Field{"namespaces", read_namespace_match}, Field{"notNamespaces", read_namespace_match, true},
    Field{"ipBlocks", read_source_ip},         Field{"notIpBlocks", read_source_ip, true},
    Field{"serviceAccounts", read_account},    Field{"notServiceAccounts", read_account, true},
    Field{"requestPrincipals", nullptr},       Field{"notRequestPrincipals", nullptr},
    Field{"remoteIpBlocks", nullptr},          Field{"notRemoteIpBlocks", nullptr},
};
constexpr std::array kOperationFields = {
    Field{"ports", read_port},  Field{"notPorts", read_port, true}, Field{"hosts", nullptr},
    Field{"notHosts", nullptr}, Field{"methods", nullptr},          Field{"notMethods", nullptr},
    Field{"paths", nullptr},    Field{"notPaths", nullptr},
};
constexpr std::array kConditions = {
    Field{"source.ip", read_source_ip},           Field{"source.namespace", read_namespace_match},
    Field{"source.principal", read_principal},    Field{"source.serviceAccount", read_account},
    Field{"destination.ip", read_destination_ip}, Field{"destination.port", read_port},
};

const Field* find_field(std::span<const Field> fields, const std::string& key) {
  const auto found = std::ranges::find(fields, key, &Field::key);
  return found == fields.end() ? nullptr : &*found;
}

// RuleConverter converts the rules of one policy.
class RuleConverter {
 public:
  RuleConverter(ObjectReader& reader, pb::Action action)
      : reader_(reader), deny_(action == pb::DENY) {}

  void rule(const Tree& node, std::size_t number, pb::Authorization& policy) {
    where_ = fmt::format("rule {}", number);
    bad_ = false;
    pb::Rule rule;
    if (!node.is_object()) {
      bad("it is no map");
    }
    for (const auto& [key, ignored] : text_map(node)) {
      if (key != "from" && key != "to" && key != "when") {
        bad(fmt::format("\"{}\" is not known", key));
      }
    }
    alternatives(child(node, "to"), "operation", kOperationFields, rule);
    alternatives(child(node, "from"), "source", kSourceFields, rule);
    for (const auto& condition : list(child(node, "when"), "when")) {
      when(condition, rule);
    }
    if (deny_ || !bad_) {
      *policy.add_rules() = std::move(rule);
    }
  }

 private:
  // alternatives reads `from` or `to`: a list of maps that each hold one `inner` map.
  void alternatives(const Tree& node, const std::string& inner, std::span<const Field> fields,
                    pb::Rule& rule) {
    pb::Clause clause;
    for (const auto& entry : list(node, inner == "source" ? "from" : "to")) {
      pb::Match& match = *clause.add_matches();
      const auto& lists = child(entry, inner);
      if (!lists.is_object() || lists.empty() || entry.size() != 1) {
        bad(fmt::format("an entry holds no {}", inner));
        match.Clear();
        continue;
      }
      for (const auto& [key, list] : lists.items()) {
        if (const auto* field = find_field(fields, key)) {
          fill(list, *field, field->negative, key, match);
        } else {
          bad(fmt::format("\"{}\" is not known", key));
        }
      }
    }
    add(std::move(clause), rule);
  }

  void when(const Tree& condition, pb::Rule& rule) {
    pb::Clause clause;
    pb::Match& match = *clause.add_matches();
    const auto key = text(condition, "key");
    const auto* field = find_field(kConditions, key);
    for (const auto& [name, ignored] : text_map(condition)) {
      if (name != "key" && name != "values" && name != "notValues") {
        bad(fmt::format("\"{}\" in a condition is not known", name));
      }
    }
    if (field == nullptr) {
      bad(fmt::format("the condition \"{}\" is none that L4 can check", key));
    } else {
      const auto& values = child(condition, "values");
      const auto& not_values = child(condition, "notValues");
      if (present(values)) {
        fill(values, *field, false, key, match);
      }
      if (present(not_values)) {
        fill(not_values, *field, true, key, match);
      }
    }
    add(std::move(clause), rule);
  }

  // fill adds one list to `match`. If an entry is bad, a positive list is left out as a whole (it
  // then constrains nothing), of a negative one only that entry.
  void fill(const Tree& node, const Field& field, bool negative, const std::string& key,
            pb::Match& match) {
    if (field.read == nullptr) {
      bad(fmt::format("\"{}\" is an HTTP attribute, which only a waypoint can check", key));
      return;
    }
    bool good = true;
    pb::Match all;
    for (const auto& item : list(node, key)) {
      pb::Match one;
      if (field.read({text(item), reader_.meta().ns, negative}, one)) {
        all.MergeFrom(one);
      } else {
        good = false;
        bad(fmt::format("\"{}\" of {} can't be understood", text(item), key));
      }
    }
    if (good || negative) {
      match.MergeFrom(all);
    }
  }

  // add puts a clause into the rule. An empty match would never match (wire-facts §2.6), but here
  // it is one of a DENY that lost its constraints: the clause is then true and is left out.
  void add(pb::Clause clause, pb::Rule& rule) {
    const auto unconstrained = [](const pb::Match& match) { return match.ByteSizeLong() == 0; };
    if (clause.matches_size() == 0) {
      return;
    }
    if (std::ranges::any_of(clause.matches(), unconstrained)) {
      if (!bad_) {
        bad("it holds no constraint");
      }
      return;
    }
    *rule.add_clauses() = std::move(clause);
  }

  std::span<const Tree> list(const Tree& node, std::string_view key) {
    // The API server refuses an empty list here; what its author meant to allow is not to be
    // guessed.
    if (present(node) && (!node.is_array() || node.empty())) {
      bad(fmt::format("\"{}\" is no list, or an empty one", key));
    }
    return items(node);
  }

  void bad(std::string_view what) {
    bad_ = true;
    reader_.problem(fmt::format("{}: {}", where_, what),
                    deny_ ? "correct it, until then this DENY rule matches everything it could have"
                          : "correct it, until then this ALLOW rule matches nothing");
  }

  ObjectReader& reader_;
  const bool deny_;
  bool bad_ = false;
  std::string where_;
};

// deny_all makes of `policy` one that denies everything in its scope.
void deny_all(pb::Authorization& policy) {
  policy.set_action(pb::DENY);
  policy.clear_rules();
  policy.add_rules();
}

void read_rules(ObjectReader& reader, pb::Authorization& policy) {
  const auto& rules = child(reader.spec(), "rules");
  if (present(rules) && !rules.is_array() && !rules.is_null()) {
    reader.problem("spec.rules is no list", "correct it, until then everything is denied");
    deny_all(policy);
    return;
  }
  RuleConverter converter(reader, policy.action());
  std::size_t number = 0;
  for (const auto& rule : items(rules)) {
    converter.rule(rule, ++number, policy);
  }
}

void check_keys(ObjectReader& reader, pb::Authorization& policy) {
  constexpr std::array kKnown = {"action",    "rules",      "selector",
                                 "targetRef", "targetRefs", "provider"};
  for (const auto& [key, ignored] : text_map(reader.spec())) {
    if (std::ranges::find(kKnown, key) == kKnown.end()) {
      reader.problem(fmt::format("spec.{} is not known", key),
                     "correct it, until then everything is denied");
      deny_all(policy);
    }
  }
}

}  // namespace

Selector read_selector(const Tree& spec) {
  const auto& selector = child(spec, "selector");
  if (!present(selector) || selector.is_null()) {
    return {};
  }
  const auto& labels = child(selector, "matchLabels");
  const bool texts = !present(labels) ||
                     (labels.is_object() && std::ranges::none_of(labels, &Tree::is_structured));
  const bool understood =
      selector.is_object() && selector.size() == (present(labels) ? 1 : 0) && texts;
  auto wanted = text_map(labels);
  if (!understood || wanted.empty()) {
    return {std::nullopt, understood};  // an empty selector selects the whole namespace
  }
  return {std::move(wanted), true};
}

void read_authorization_policy(ObjectReader& reader) {
  const auto& spec = reader.spec();
  AuthorizationPolicy policy;
  policy.meta = reader.meta();
  auto& l4 = policy.l4;
  l4.set_name(policy.meta.name);
  l4.set_namespace_(policy.meta.ns);
  l4.set_dry_run(text_of(policy.meta.annotations, "istio.io/dry-run") == "true");
  const auto action = text(spec, "action");
  if (present(child(spec, "targetRefs")) || present(child(spec, "targetRef"))) {
    policy.ignored = true;
    reader.problem("it is for a waypoint",
                   "it is not enforced, connections to waypoints are refused as yet");
  } else if (action == "AUDIT" || action == "CUSTOM") {
    policy.ignored = true;
    reader.problem(fmt::format("L4 has no action {}", action),
                   "write ALLOW or DENY, until then it is ignored");
  } else if (!action.empty() && action != "ALLOW" && action != "DENY") {
    reader.problem(fmt::format("the action \"{}\" is not known", action),
                   "write ALLOW or DENY, until then everything is denied");
    deny_all(l4);
  } else {
    l4.set_action(action == "DENY" ? pb::DENY : pb::ALLOW);
    read_rules(reader, l4);
    check_keys(reader, l4);
  }
  auto selector = read_selector(spec);
  if (!selector.understood) {
    reader.problem("spec.selector is none of the form matchLabels",
                   "correct it, until then everything in its namespace is denied");
    deny_all(l4);
  }
  policy.selector = std::move(selector.labels);
  const auto key = policy.meta.key();
  reader.into().objects.authorization_policies[key] = std::move(policy);
}

}  // namespace culvert::mesh
