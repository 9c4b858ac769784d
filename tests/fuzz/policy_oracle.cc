// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/policy_oracle.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

namespace culvert::fuzz {
namespace {

namespace pb = istio::security;
using policy::ConnectionContext;

// The last field of each message, and the one that is a number: all others have a length in front.
constexpr std::pair<int, int> fields_of(const pb::StringMatch&) {
  return {4, 0};
}
constexpr std::pair<int, int> fields_of(const pb::ServiceAccountMatch&) {
  return {2, 0};
}
constexpr std::pair<int, int> fields_of(const pb::Address&) {
  return {2, 2};
}
constexpr std::pair<int, int> fields_of(const pb::Match&) {
  return {13, 0};
}
constexpr std::pair<int, int> fields_of(const pb::Clause&) {
  return {2, 0};
}
constexpr std::pair<int, int> fields_of(const pb::Rule&) {
  return {1, 0};
}

// Fields that the message does not know, or that came in another wire type than theirs: the runtime
// keeps those at the end of the message.
template <class Message>
bool has_unknown(const Message& message) {
  using google::protobuf::internal::WireFormatLite;
  const auto [last, number] = fields_of(message);
  const auto bytes = message.SerializeAsString();
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  while (const std::uint32_t tag = in.ReadTag()) {
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    const auto wanted = field == number ? WireFormatLite::WIRETYPE_VARINT
                                        : WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
    const bool is_clause_match = std::is_same_v<Message, pb::Clause> && field == 1;
    if (field > last || is_clause_match || WireFormatLite::GetTagWireType(tag) != wanted) {
      return true;
    }
    WireFormatLite::SkipField(&in, tag);
  }
  return false;
}

Range text_matches(const pb::StringMatch& match, const std::string& text) {
  if (has_unknown(match)) {
    return Range::open();
  }
  switch (match.match_type_case()) {
    case pb::StringMatch::kExact: return Range::known(text == match.exact());
    case pb::StringMatch::kPrefix:
      return Range::known(text.compare(0, match.prefix().size(), match.prefix()) == 0);
    case pb::StringMatch::kSuffix:
      return Range::known(text.size() >= match.suffix().size() &&
                          text.compare(text.size() - match.suffix().size(), std::string::npos,
                                       match.suffix()) == 0);
    case pb::StringMatch::kPresence: return Range::known(!text.empty());
    case pb::StringMatch::MATCH_TYPE_NOT_SET: break;
  }
  return Range::open();
}

Range namespace_matches(const pb::StringMatch& match, const ConnectionContext& connection) {
  return text_matches(match, connection.peer ? connection.peer->ns : "");
}

Range principal_matches(const pb::StringMatch& match, const ConnectionContext& connection) {
  const auto& peer = connection.peer;
  const auto text = peer ? peer->trust_domain + "/ns/" + peer->ns + "/sa/" + peer->service_account
                         : std::string();
  const auto range = text_matches(match, text);
  return peer || range.unknown ? range : Range::known(false);
}

Range account_matches(const pb::ServiceAccountMatch& match, const ConnectionContext& connection) {
  if (has_unknown(match) || match.namespace_().empty() || match.service_account().empty()) {
    return Range::open();
  }
  const auto& peer = connection.peer;
  return Range::known(peer && peer->ns == match.namespace_() &&
                      peer->service_account == match.service_account());
}

Range block_matches(const pb::Address& block, const IpAddress& ip) {
  const std::string& prefix = block.address();
  if (has_unknown(block) || (prefix.size() != 4 && prefix.size() != 16)) {
    return Range::open();
  }
  const auto base = *IpAddress::from_bytes(as_bytes(prefix));
  if (block.length() > base.octets().size() * 8) {
    return Range::open();
  }
  bool same = base.octets().size() == ip.octets().size();
  for (std::size_t i = 0; same && i < block.length(); ++i) {
    const int shift = 7 - static_cast<int>(i % 8);
    same = ((base.octets()[i / 8] ^ ip.octets()[i / 8]) >> shift & 1) == 0;
  }
  return Range::known(same);
}

Range source_matches(const pb::Address& block, const ConnectionContext& connection) {
  return block_matches(block, connection.source);
}

Range destination_matches(const pb::Address& block, const ConnectionContext& connection) {
  return block_matches(block, connection.destination.ip);
}

Range port_matches(std::uint32_t port, const ConnectionContext& connection) {
  return port == 0 || port > 65535 ? Range::open()
                                   : Range::known(port == connection.destination.port);
}

template <class List, class Test>
Range field(const List& positive, const List& negative, const ConnectionContext& connection,
            Test test) {
  Range any = Range::known(positive.empty());
  for (const auto& entry : positive) {
    any = any || test(entry, connection);
  }
  for (const auto& entry : negative) {
    any = any && !test(entry, connection);
  }
  return any;
}

bool is_empty(const pb::Match& m) {
  return m.namespaces().empty() && m.not_namespaces().empty() && m.principals().empty() &&
         m.not_principals().empty() && m.source_ips().empty() && m.not_source_ips().empty() &&
         m.destination_ips().empty() && m.not_destination_ips().empty() &&
         m.destination_ports().empty() && m.not_destination_ports().empty() &&
         m.service_accounts().empty() && m.not_service_accounts().empty();
}

Range match_matches(const pb::Match& m, const ConnectionContext& c) {
  if (is_empty(m)) {
    return has_unknown(m) ? Range::open() : Range::known(false);
  }
  const Range all = field(m.namespaces(), m.not_namespaces(), c, namespace_matches) &&
                    field(m.principals(), m.not_principals(), c, principal_matches) &&
                    field(m.service_accounts(), m.not_service_accounts(), c, account_matches) &&
                    field(m.source_ips(), m.not_source_ips(), c, source_matches) &&
                    field(m.destination_ips(), m.not_destination_ips(), c, destination_matches) &&
                    field(m.destination_ports(), m.not_destination_ports(), c, port_matches);
  return has_unknown(m) ? all && Range::open() : all;
}

Range clause_matches(const pb::Clause& clause, const ConnectionContext& connection) {
  Range any = Range::known(clause.matches().empty() && !has_unknown(clause));
  for (const auto& match : clause.matches()) {
    any = any || match_matches(match, connection);
  }
  return has_unknown(clause) ? any || Range::open() : any;
}

}  // namespace

Range may_match(const pb::Authorization& policy, const ConnectionContext& connection) {
  Range any = Range::known(false);
  for (const auto& rule : policy.rules()) {
    Range all = has_unknown(rule) ? Range::open() : Range::known(true);
    for (const auto& clause : rule.clauses()) {
      all = all && clause_matches(clause, connection);
    }
    any = any || all;
  }
  return any;
}

}  // namespace culvert::fuzz
