// The local CA's cryptography.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/tls/parties.h"

namespace culvert::tls {
namespace {

TEST_CASE("a root that was written down and read again signs what peers of the first one take") {
  io::SimLoop loop;
  const auto first = authority();
  auto second = CertificateAuthority::load(first.root_pem(), first.key_pem());
  REQUIRE(second);
  CHECK(second->not_after() == first.not_after());
  auto hands = shake_hands(loop, party(first, spiffe("server")), party(*second, spiffe("client")),
                           {spiffe("server")});
  CHECK(*hands.server);
  CHECK(*hands.client);
}

TEST_CASE("a key that is not the root's, and text that is neither, are refused") {
  const auto one = authority();
  const auto other = authority();
  CHECK(!CertificateAuthority::load(one.root_pem(), other.key_pem()));
  CHECK(!CertificateAuthority::load("", one.key_pem()));
  CHECK(!CertificateAuthority::load(one.root_pem(), "broken"));
}

TEST_CASE("a leaf is for whom the caller says, begins a little ago and ends with its lifetime") {
  const auto ca = authority();
  const auto key = *generate_key();
  const auto at = std::chrono::floor<std::chrono::seconds>(now());
  const auto pem = ca.sign(*make_csr(key, spiffe("claimed")), spiffe("allowed"), at, 1h);
  REQUIRE(pem);
  const auto identity = WorkloadIdentity::make(key, std::vector<std::string>{*pem}, ca.root_pem());
  REQUIRE(identity);
  CHECK((*identity)->id() == spiffe("allowed"));
  CHECK((*identity)->chain().front().not_before == at - kLeafBackdate);
  CHECK((*identity)->chain().front().not_after == at + 1h);
}

TEST_CASE("no leaf outlives its root, and an expired root signs nothing") {
  const auto ca = authority();
  const auto key = *generate_key();
  const auto csr = *make_csr(key, spiffe("a"));
  const auto pem = ca.sign(csr, spiffe("a"), ca.not_after() - 10min, 24h);
  REQUIRE(pem);
  const auto identity = WorkloadIdentity::make(key, std::vector<std::string>{*pem}, ca.root_pem());
  REQUIRE(identity);
  CHECK((*identity)->chain().front().not_after == ca.not_after());
  const auto late = ca.sign(csr, spiffe("a"), ca.not_after(), 24h);
  REQUIRE(!late);
  CHECK(late.error().code == Errc::config);
}

TEST_CASE("two leaves of one CA have different serial numbers") {
  const auto ca = authority();
  const auto serial = [&] { return party(ca, spiffe("a"))->chain().front().serial_number; };
  CHECK(serial() != serial());
}

}  // namespace
}  // namespace culvert::tls
