// From istio.security.Authorization to Authorization, failing closed part by part.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <limits>
#include <utility>

#include "ztunnel/lib/control/proto/authorization.pb.h"
#include "ztunnel/lib/policy/decode.h"

namespace culvert::policy {
namespace {

namespace pb = istio::security;

// The field numbers that a message of a policy may carry: `first` to `last`. All have a length in
// front but one that is a number.
struct Fields {
  std::string_view message;
  int first;
  int last;
  int number = 0;
};
constexpr Fields kRuleFields{"rule", 1, 1};
constexpr Fields kClauseFields{"clause", 2, 2};
constexpr Fields kMatchFields{"match", 1, 13};
constexpr Fields kStringMatchFields{"string match", 1, 4};
constexpr Fields kAccountFields{"service account match", 1, 2};
constexpr Fields kBlockFields{"block", 1, 2, 2};

// The lite runtime keeps unknown fields, and those that came in another wire type than theirs, but
// does not show them, so the message's own bytes are read.
bool has_only(const Fields& fields, const google::protobuf::MessageLite& message) {
  using google::protobuf::internal::WireFormatLite;
  const auto bytes = message.SerializeAsString();
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  while (const std::uint32_t tag = in.ReadTag()) {
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    const auto type = field == fields.number ? WireFormatLite::WIRETYPE_VARINT
                                             : WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
    if (field < fields.first || field > fields.last ||
        WireFormatLite::GetTagWireType(tag) != type || !WireFormatLite::SkipField(&in, tag)) {
      return false;
    }
  }
  return true;
}

// A newer control plane may constrain by fields that we do not know: that is no match for us.
Result<> known_fields(const Fields& fields, const google::protobuf::MessageLite& message) {
  if (has_only(fields, message)) {
    return {};
  }
  return fail(Errc::protocol,
              fmt::format("a {} has a field that is not known here", fields.message));
}

// Decoder reads one policy. `deny_` decides which way a part that can't be understood is bent.
class Decoder {
 public:
  Decoder(Action action, std::vector<std::string>& problems)
      : deny_(action == Action::deny), problems_(problems) {}

  Rule rule(const pb::Rule& from, int index) {
    Rule to;
    bad_ = false;
    where_ = fmt::format("rule {}", index + 1);
    strict(kRuleFields, from);
    for (const auto& clause : from.clauses()) {
      Clause matches;
      const bool known = strict(kClauseFields, clause);
      for (const auto& match : clause.matches()) {
        matches.push_back(this->match(match));
      }
      if (!known) {
        matches
            .clear();  // an alternative that is not known may match anything: an empty clause does
      }
      to.clauses.push_back(std::move(matches));
    }
    to.never = bad_ && !deny_;
    return to;
  }

 private:
  // A field is left out when one of its entries is bad: for a DENY the positive list then
  // constrains nothing; of a negative list only the bad entries go. An ALLOW is void as a whole.
  Match match(const pb::Match& from) {
    const bool outer = std::exchange(bad_, false);
    Match to;
    strict(kMatchFields, from);
    positive(from.namespaces(), to.namespaces);
    negative(from.not_namespaces(), to.not_namespaces);
    positive(from.principals(), to.principals);
    negative(from.not_principals(), to.not_principals);
    positive(from.service_accounts(), to.service_accounts);
    negative(from.not_service_accounts(), to.not_service_accounts);
    positive(from.source_ips(), to.source_ips);
    negative(from.not_source_ips(), to.not_source_ips);
    positive(from.destination_ips(), to.destination_ips);
    negative(from.not_destination_ips(), to.not_destination_ips);
    positive(from.destination_ports(), to.destination_ports);
    negative(from.not_destination_ports(), to.not_destination_ports);
    to.widened = bad_ && deny_;
    bad_ = bad_ || outer;
    return to;
  }

  template <class From, class To>
  void positive(const From& from, std::vector<To>& to) {
    if (!read(from, to)) {
      to.clear();
    }
  }

  template <class From, class To>
  void negative(const From& from, std::vector<To>& to) {
    read(from, to);
  }

  template <class From, class To>
  bool read(const From& from, std::vector<To>& to) {
    bool good = true;
    for (const auto& item : from) {
      if (auto one = entry(item)) {
        to.push_back(std::move(*one));
      } else {
        good = false;
        problem(one.error().context);
      }
    }
    return good;
  }

  static Result<StringMatch> entry(const pb::StringMatch& from) {
    TRY_VOID(known_fields(kStringMatchFields, from));
    using Kind = StringMatch::Kind;
    switch (from.match_type_case()) {
      case pb::StringMatch::kExact: return StringMatch{Kind::exact, from.exact()};
      case pb::StringMatch::kPrefix: return StringMatch{Kind::prefix, from.prefix()};
      case pb::StringMatch::kSuffix: return StringMatch{Kind::suffix, from.suffix()};
      case pb::StringMatch::kPresence: return StringMatch{Kind::presence, {}};
      case pb::StringMatch::MATCH_TYPE_NOT_SET: break;
    }
    return fail(Errc::protocol, "a string match is of no kind that is known here");
  }

  static Result<ServiceAccountMatch> entry(const pb::ServiceAccountMatch& from) {
    TRY_VOID(known_fields(kAccountFields, from));
    if (from.namespace_().empty() || from.service_account().empty()) {
      return fail(Errc::protocol, "a service account match lacks its namespace or name");
    }
    return ServiceAccountMatch{from.namespace_(), from.service_account()};
  }

  static Result<Cidr> entry(const pb::Address& from) {
    TRY_VOID(known_fields(kBlockFields, from));
    TRY(const auto ip, IpAddress::from_bytes(as_bytes(from.address())));
    return Cidr::make(ip, from.length());
  }

  static Result<std::uint16_t> entry(std::uint32_t port) {
    if (port == 0 || port > std::numeric_limits<std::uint16_t>::max()) {
      return fail(Errc::protocol, fmt::format("{} is no port", port));
    }
    return static_cast<std::uint16_t>(port);
  }

  bool strict(const Fields& fields, const google::protobuf::MessageLite& message) {
    const auto known = known_fields(fields, message);
    if (!known) {
      problem(known.error().context);
    }
    return known.has_value();
  }

  void problem(std::string_view sentence) {
    bad_ = true;
    problems_.push_back(
        fmt::format("{}: {}; it {}", where_, sentence,
                    deny_ ? "matches everything it could have" : "matches nothing"));
  }

  bool deny_;
  bool bad_ = false;
  std::string where_;
  std::vector<std::string>& problems_;
};

PolicyScope scope_of(pb::Scope scope, std::vector<std::string>& problems) {
  switch (scope) {
    case pb::GLOBAL: return PolicyScope::global;
    case pb::NAMESPACE: return PolicyScope::namespace_wide;
    case pb::WORKLOAD_SELECTOR: return PolicyScope::workload_selector;
    default: break;
  }
  problems.push_back(fmt::format("scope {} is not known here; it applies to its whole namespace",
                                 static_cast<int>(scope)));
  return PolicyScope::namespace_wide;
}

}  // namespace

Result<DecodedAuthorization> decode_authorization(Bytes bytes) {
  if (bytes.size() > kResourceBytesMax) {
    return fail(Errc::limit, fmt::format("a resource of {} bytes is over the limit of {}",
                                         bytes.size(), kResourceBytesMax));
  }
  pb::Authorization from;
  if (!from.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail(Errc::protocol, "the bytes are no istio.security.Authorization");
  }
  if (from.name().empty()) {
    return fail(Errc::protocol, "an authorization has no name");
  }
  DecodedAuthorization result;
  auto& policy = result.policy;
  policy = {.name = from.name(), .ns = from.namespace_()};
  policy.scope = scope_of(from.scope(), result.problems);
  policy.dry_run = from.dry_run();
  if (from.action() != pb::ALLOW && from.action() != pb::DENY) {
    policy.action = Action::deny;
    policy.rules = {Rule{}};
    result.problems.push_back(fmt::format("action {} is not known here; it denies everything",
                                          static_cast<int>(from.action())));
    return result;
  }
  policy.action = from.action() == pb::DENY ? Action::deny : Action::allow;
  Decoder decoder(policy.action, result.problems);
  for (int i = 0; i < from.rules_size(); ++i) {
    policy.rules.push_back(decoder.rule(from.rules(i), i));
  }
  return result;
}

Authorization unreadable_authorization(std::string_view xds_name) {
  const auto slash = xds_name.find('/');
  const bool slashed = slash != std::string_view::npos;
  return {.name = std::string(slashed ? xds_name.substr(slash + 1) : xds_name),
          .ns = std::string(slashed ? xds_name.substr(0, slash) : std::string_view()),
          .scope = PolicyScope::workload_selector,
          .action = Action::deny,
          .rules = {Rule{}}};
}

}  // namespace culvert::policy
