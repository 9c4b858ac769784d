// When another authority may sign, and what is accepted meanwhile; the course of a whole succession
// is in tests/protocol/signer_roots.cc.
// SPDX-License-Identifier: Apache-2.0
#include "agent/signer/succession.h"

#include <doctest/doctest.h>

#include "tests/support/peers/intermediate.h"
#include "ztunnel/lib/base/rfc3339.h"

namespace culvert::signer {
namespace {

using namespace std::chrono_literals;

const auto kNow = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());

// An authority as a Secret gives it.
Authority authority(const tls::CertificateAuthority& root) {
  Json secret = write_secret("culvert-system", kGivenSecret, make_intermediate(root));
  auto read = read_authority(secret, "cluster.local", kNow);
  REQUIRE(read);
  return std::move(*read);
}

tls::CertificateAuthority new_root() {
  return std::move(*tls::CertificateAuthority::create("test", kNow));
}

TEST_CASE("the first authority signs at once") {
  const auto first = authority(new_root());
  const auto decided = decide(nullptr, &first, {}, kNow, 24h);
  CHECK(decided.succeeds);
  REQUIRE(decided.roots.size() == 1);
  CHECK(decided.roots[0].published == kNow);
}

TEST_CASE("another root waits from its publication on, and not from when it is asked about") {
  const auto first = authority(new_root());
  const auto second = authority(new_root());
  auto decided = decide(&first, &second, {}, kNow, 24h);
  CHECK(!decided.succeeds);
  CHECK(decided.due == kNow + 24h);
  CHECK(decided.roots.size() == 2);
  decided = decide(&first, &second, decided.roots, kNow + 24h - 1s, 24h);
  CHECK(!decided.succeeds);
  CHECK(decided.due == kNow + 24h);
  decided = decide(&first, &second, decided.roots, kNow + 24h, 24h);
  CHECK(decided.succeeds);
  CHECK(decided.roots.size() == 2);  // the first one signs until now
  decided = decide(&second, &second, decided.roots, kNow + 25h, 24h);
  CHECK(decided.roots.size() == 2);
  decided = decide(&second, &second, decided.roots, kNow + 49h - 1s, 24h);
  CHECK(decided.roots.size() == 2);
  decided = decide(&second, &second, decided.roots, kNow + 49h, 24h);
  REQUIRE(decided.roots.size() == 1);
  CHECK(decided.roots[0].sha256 == second.signing_root);
}

TEST_CASE("who changes his mind starts anew only for what was not published all the time") {
  const auto first = authority(new_root());
  const auto second = authority(new_root());
  auto decided = decide(&first, &second, {}, kNow, 24h);
  decided = decide(&first, &first, decided.roots, kNow + 10h, 24h);  // back
  CHECK(decided.roots.size() == 2);
  decided = decide(&first, &second, decided.roots, kNow + 20h, 24h);  // and forth
  CHECK(decided.due == kNow + 24h);
  decided = decide(&first, nullptr, decided.roots, kNow + 21h, 24h);  // unusable for a while
  decided = decide(&first, nullptr, decided.roots, kNow + 45h, 24h);
  CHECK(decided.roots.size() == 1);
  decided = decide(&first, &second, decided.roots, kNow + 46h, 24h);
  CHECK(decided.due == kNow + 70h);
}

TEST_CASE("the ConfigMap says all of it, and one that was spoiled makes roots wait again") {
  const auto first = authority(new_root());
  const auto second = authority(new_root());
  auto decided = decide(&first, &second, {}, kNow, 24h);
  auto& roots = decided.roots;
  roots[0].replaced = kNow + 5s;
  Json map = write_roots("culvert-system", decided, &first);
  CHECK(read_roots(map, kNow + 1h) == roots);
  const Json signing = Json::parse(text(child(map, "data"), kSigning));
  CHECK(signing == Json{{"secret", "cacerts"},
                        {"root", first.signing_root},
                        {"expires", to_rfc3339(first.ca.not_after())},
                        {"succeededAt", to_rfc3339(kNow + 24h)}});
  for (const auto* spoiled : {"", "[]", "{", R"({"x": 1})"}) {
    map["data"]["roots.json"] = spoiled;
    const auto read = read_roots(map, kNow + 1h);
    REQUIRE(read.size() == 2);
    CHECK(read[0].published == kNow + 1h);
    CHECK(!read[0].replaced);
  }
  map["data"]["root-cert.pem"] = "x";
  CHECK(read_roots(map, kNow).empty());
  CHECK(read_roots(Json(), kNow).empty());
}

}  // namespace
}  // namespace culvert::signer
