// Who may have which certificate.
// SPDX-License-Identifier: Apache-2.0
#include "agent/signer/judge.h"

#include <doctest/doctest.h>

#include <functional>

#include "tests/support/csr_samples.h"
#include "ztunnel/lib/tls/key.h"

namespace culvert::signer {
namespace {

const SpiffeId kCart{"cluster.local", "shop", "cart"};
const Rules kRules{.trust_domain = "cluster.local",
                   .agent = "system:serviceaccount:culvert-system:culvert-agent",
                   .lifetime_max = std::chrono::hours(24)};

std::string csr_of(const SpiffeId& id) {
  return *tls::make_csr(*tls::generate_key(), id);
}

CertificateRequest good() {
  return {.name = "a",
          .signer = kSignerName,
          .csr = csr_of(kCart),
          .usages = {"client auth", "digital signature", "server auth"},
          .username = kRules.agent,
          .node = "node-1"};
}

TEST_CASE("an agent's request for a workload is granted, for its node and a limited time") {
  auto request = good();
  auto grant = judge(request, kRules);
  REQUIRE(grant);
  CHECK(grant->id == kCart);
  CHECK(grant->node == "node-1");
  CHECK(grant->lifetime == std::chrono::hours(24));
  request.lifetime = std::chrono::minutes(10);
  CHECK(judge(request, kRules)->lifetime == std::chrono::minutes(10));
  request.lifetime = std::chrono::hours(1000);
  CHECK(judge(request, kRules)->lifetime == std::chrono::hours(24));
}

struct Row {
  const char* title;
  std::function<void(CertificateRequest&)> spoil;
  const char* sentence;
};

TEST_CASE("a request with anything wrong in it is refused with its reason") {
  const Row rows[] = {
      {"an agent of another namespace",
       [](auto& r) { r.username = "system:serviceaccount:shop:culvert-agent"; }, "only system:"},
      {"no user", [](auto& r) { r.username.clear(); }, "only system:serviceaccount"},
      {"no node", [](auto& r) { r.node.clear(); }, "has not stamped a node"},
      {"a usage too many", [](auto& r) { r.usages.insert("cert sign"); }, "and not cert sign,"},
      {"a usage too few", [](auto& r) { r.usages.erase("server auth"); }, "the usages of"},
      {"no CSR", [](auto& r) { r.csr.clear(); }, "no certificate request"},
      {"a huge CSR", [](auto& r) { r.csr.append(kCsrBytesMax, '\n'); }, "bytes, a workload's has"},
      {"a weak key", [](auto& r) { r.csr = kWeakRsaCsr; }, "has 1024 bits"},
      {"two SPIFFE IDs", [](auto& r) { r.csr = kTwoNamesCsr; }, "has 2 names"},
      {"no name", [](auto& r) { r.csr = kNoNameCsr; }, "0 URI names"},
      {"a DNS name beside it", [](auto& r) { r.csr = kDnsNameBesideCsr; }, "has 2 names"},
      {"no SPIFFE ID", [](auto& r) { r.csr = kHttpNameCsr; }, "https://"},
      {"another trust domain", [](auto& r) { r.csr = csr_of({"other", "shop", "cart"}); },
       "of another trust domain"},
      {"a selector for a name",
       [](auto& r) { r.csr = csr_of({"cluster.local", "shop", "x,spec.serviceAccountName=cart"}); },
       "names no service account"},
      {"a path for a namespace",
       [](auto& r) { r.csr = csr_of({"cluster.local", "shop?x=", "cart"}); },
       "names no service account"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.title);
    auto request = good();
    row.spoil(request);
    const auto grant = judge(request, kRules);
    REQUIRE(!grant);
    CHECK(grant.error().code == Errc::denied);
    CHECK_MESSAGE(to_string(grant.error()).contains(row.sentence), to_string(grant.error()));
  }
}

TEST_CASE("a pod vouches for its own account on its own node, whatever else a list holds") {
  const auto grant = judge(good(), kRules);
  REQUIRE(grant);
  const auto list = [](const char* node, const char* account) {
    Json pod;
    pod["spec"] = {{"nodeName", node}, {"serviceAccountName", account}};
    Json all;
    all["items"] = Json::array({pod});
    return all;
  };
  CHECK(has_pod(list("node-1", "cart"), *grant));
  CHECK(!has_pod(list("node-2", "cart"), *grant));
  CHECK(!has_pod(list("node-1", "till"), *grant));
  CHECK(!has_pod(Json{{"items", nullptr}}, *grant));
  CHECK(!has_pod(Json("x"), *grant));
}

}  // namespace
}  // namespace culvert::signer
