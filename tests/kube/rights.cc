// SPDX-License-Identifier: Apache-2.0
#include "tests/kube/rights.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/support/lab_error.h"

namespace culvert::lab {
namespace {

using nlohmann::json;

// A change of a role reaches the server's authorizer by a watch.
constexpr Milliseconds kHeardWithin = 30s;

std::vector<Right> rights_of(const json& role) {
  std::vector<Right> rights;
  for (const auto& rule : role["rules"]) {
    for (const auto& group : rule["apiGroups"]) {
      for (const auto& resource : rule["resources"]) {
        for (const auto& name : rule.value("resourceNames", json::array({""}))) {
          for (const auto& verb : rule["verbs"]) {
            rights.push_back({.in_namespace = role["metadata"].value("namespace", ""),
                              .group = group,
                              .resource = resource,
                              .name = name,
                              .verb = verb});
          }
        }
      }
    }
  }
  return rights;
}

json rule_of(const Right& right) {
  json rule = {{"apiGroups", json::array({right.group})},
               {"resources", json::array({right.resource})},
               {"verbs", json::array({right.verb})}};
  if (!right.name.empty()) {
    rule["resourceNames"] = json::array({right.name});
  }
  return rule;
}

}  // namespace

std::string to_string(const Right& right) {
  return fmt::format("{} {} {} in {}", right.verb, right.resource, right.name,
                     right.in_namespace.empty() ? "all namespaces" : right.in_namespace);
}

bool is_missed(const Right& right, std::string_view text) {
  // A signer is no object; the server's words for it are others.
  const auto refusal = right.resource == "signers"
                           ? fmt::format("not permitted to {} requests with signerName", right.verb)
                           : fmt::format("cannot {} resource \"{}\"", right.verb, right.resource);
  const auto name = right.name.empty() ? "" : fmt::format("\"{}\"", right.name);
  const auto place =
      right.in_namespace.empty() ? "" : fmt::format("in the namespace \"{}\"", right.in_namespace);
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string line(text.substr(0, end));
    std::erase(line, '\\');  // of quotes in quotes
    if (line.contains(refusal) && line.contains(name) && line.contains(place)) {
      return true;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

Rights::Rights(const ApiServer& api, std::string account)
    : api_(api), account_(std::move(account)) {
  roles_ = json::parse(api_.must_kubectl({"get", "clusterroles,roles", "-A", "--field-selector",
                                          "metadata.name=" + account_, "-o", "json"}))["items"];
  for (auto& role : roles_) {
    role["metadata"].erase("resourceVersion");
    const auto rights = rights_of(role);
    all_.insert(all_.end(), rights.begin(), rights.end());
  }
  expect(!all_.empty(), "nothing gives {} a right", account_);
}

const Right& Rights::one(std::string_view verb, std::string_view resource) const {
  const auto found = std::ranges::find_if(
      all_, [&](const Right& each) { return each.verb == verb && each.resource == resource; });
  expect(found != all_.end(), "{} has no right to {} {}", account_, verb, resource);
  return *found;
}

void Rights::leave_out(const Right* right) {
  for (auto role : roles_) {
    json rules = json::array();
    bool changes = false;
    for (const auto& each : rights_of(role)) {
      const bool stays = right == nullptr || each != *right;
      if (stays) {
        rules.push_back(rule_of(each));
      }
      changes |= !stays || (missing_ != nullptr && each == *missing_);
    }
    role["rules"] = std::move(rules);
    if (changes) {
      api_.must_kubectl({"replace", "-f", "-"}, role.dump());
    }
  }
  const bool heard = eventually(kHeardWithin, [&] {
    return (right == nullptr || !has(*right)) &&
           (missing_ == nullptr || missing_ == right || has(*missing_));
  });
  expect(heard, "the API server goes on with the old roles of {}", account_);
  missing_ = right;
}

// The API server knows of rights to kinds that are not installed too.
bool Rights::has(const Right& right) const {
  const auto slash = std::min(right.resource.find('/'), right.resource.size());
  json attributes = {{"group", right.group},
                     {"resource", right.resource.substr(0, slash)},
                     {"verb", right.verb},
                     {"namespace", right.in_namespace},
                     {"name", right.name}};
  if (slash != right.resource.size()) {
    attributes["subresource"] = right.resource.substr(slash + 1);
  }
  const json review = {{"apiVersion", "authorization.k8s.io/v1"},
                       {"kind", "SubjectAccessReview"},
                       {"spec",
                        {{"user", "system:serviceaccount:culvert-system:" + account_},
                         {"resourceAttributes", attributes}}}};
  return api_.must_kubectl({"create", "-f", "-", "-o", "jsonpath={.status.allowed}"},
                           review.dump()) == "true";
}

}  // namespace culvert::lab
