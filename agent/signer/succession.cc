// SPDX-License-Identifier: Apache-2.0
#include "agent/signer/succession.h"

#include <algorithm>
#include <map>

#include "ztunnel/lib/base/rfc3339.h"
#include "ztunnel/lib/tls/certificate.h"

namespace culvert::signer {
namespace {

using Seconds = std::chrono::sys_seconds;

// The roots that the two want accepted: sha256 → PEM.
std::map<std::string, std::string> wanted_roots(const Authority* in_force, const Authority* given) {
  std::map<std::string, std::string> wanted;
  for (const Authority* each : {in_force, given}) {
    if (each == nullptr) {
      continue;
    }
    for (const auto& pem : each->roots) {
      if (const auto facts = tls::certificate_facts(pem)) {
        wanted.emplace(facts->front().sha256, pem);
      }
    }
  }
  return wanted;
}

PublishedRoots roots_of(std::map<std::string, std::string> wanted, const PublishedRoots& published,
                        Seconds now, std::chrono::seconds overlap) {
  PublishedRoots roots;
  for (PublishedRoot root : published) {
    if (wanted.erase(root.sha256) != 0) {
      root.replaced.reset();
    } else {
      root.replaced = root.replaced.value_or(now);
    }
    if (!root.replaced || now < *root.replaced + overlap) {
      roots.push_back(std::move(root));
    }
  }
  for (auto& [sha256, pem] : wanted) {
    roots.push_back({.pem = std::move(pem), .sha256 = sha256, .published = now, .replaced = {}});
  }
  return roots;
}

}  // namespace

PublishedRoots read_roots(const Json& config_map, Seconds now) {
  const Json& entries = child(config_map, "data");
  const auto facts = tls::certificate_facts(text(entries, kRootsPem));
  const Json times =
      Json::parse(text(entries, kRootsTimes), nullptr, /* allow_exceptions= */ false);
  PublishedRoots roots;
  if (!facts) {
    return roots;
  }
  for (const auto& fact : *facts) {
    const Json& of_root = child(times, fact.sha256);
    roots.push_back({.pem = fact.pem,
                     .sha256 = fact.sha256,
                     .published = parse_rfc3339(text(of_root, "published")).value_or(now),
                     .replaced = parse_rfc3339(text(of_root, "replaced"))});
  }
  return roots;
}

Json write_roots(std::string_view in_namespace, const Succession& decided,
                 const Authority* in_force) {
  std::string pem;
  Json times = Json::object();
  for (const auto& root : decided.roots) {
    pem += root.pem;
    Json& of_root = times[root.sha256];
    of_root["published"] = to_rfc3339(root.published);
    if (root.replaced) {
      of_root["replaced"] = to_rfc3339(*root.replaced);
    }
    if (const auto facts = tls::certificate_facts(root.pem)) {
      of_root["expires"] = to_rfc3339(facts->front().not_after);
    }
  }
  Json signing = Json::object();
  if (in_force != nullptr) {
    signing = {{"secret", in_force->source},
               {"root", in_force->signing_root},
               {"expires", to_rfc3339(in_force->ca.not_after())}};
  }
  if (decided.due) {
    signing["succeededAt"] = to_rfc3339(*decided.due);
  }
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", {{"name", kRootsMap}, {"namespace", in_namespace}}},
          {"data", {{kRootsPem, pem}, {kRootsTimes, times.dump(2)}, {kSigning, signing.dump(2)}}}};
}

Succession decide(const Authority* in_force, const Authority* given,
                  const PublishedRoots& published, Seconds now, std::chrono::seconds overlap) {
  Succession result{.roots = roots_of(wanted_roots(in_force, given), published, now, overlap),
                    .succeeds = false,
                    .due = {}};
  if (given == nullptr || (in_force != nullptr && same_parts(in_force->parts, given->parts))) {
    return result;
  }
  if (in_force == nullptr || in_force->signing_root == given->signing_root) {
    result.succeeds = true;
    return result;
  }
  // roots_of has put it there.
  const auto root = std::ranges::find(result.roots, given->signing_root, &PublishedRoot::sha256);
  if (now >= root->published + overlap) {
    result.succeeds = true;
  } else {
    result.due = root->published + overlap;
  }
  return result;
}

}  // namespace culvert::signer
