// The local CA's cryptography.
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/peers/intermediate.h"
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

TEST_CASE("an intermediate signs what leads over it to its root, and its peers take that") {
  io::SimLoop loop;
  const auto root = authority();
  auto parts = make_intermediate(root);
  parts.chain = parts.certificate + root.root_pem();  // as Istio's cert-chain.pem repeats both
  const auto ca = CertificateAuthority::load(parts, "cluster.local", now());
  REQUIRE(ca);
  CHECK(ca->root_pem() == root.root_pem());
  CHECK(ca->intermediates() == std::vector<std::string>{parts.certificate});
  const auto key = *generate_key();
  const auto csr = *make_csr(key, spiffe("client"));
  std::vector<std::string> chain{*ca->sign(csr, spiffe("client"), now())};
  chain.insert(chain.end(), ca->intermediates().begin(), ca->intermediates().end());
  const auto client = WorkloadIdentity::make(key, chain, ca->root_pem());
  REQUIRE(client);
  auto hands = shake_hands(loop, party(root, spiffe("server")), *client, {spiffe("server")});
  CHECK(*hands.server);
  CHECK(*hands.client);
}

TEST_CASE("a CA of two levels is put in order, whatever order its chain has") {
  const auto root = authority();
  const auto end = std::chrono::floor<std::chrono::seconds>(now()) + 24h;
  const auto upper = make_intermediate(root, {.not_after = end});
  const auto upper_ca = CertificateAuthority::load(upper, "cluster.local", now());
  REQUIRE(upper_ca);
  const auto as_root = CertificateAuthority::load(upper.certificate, upper.key);
  auto lower = make_intermediate(*as_root);
  lower.roots = authority().root_pem() + root.root_pem();
  lower.chain = root.root_pem() + upper.certificate;
  const auto ca = CertificateAuthority::load(lower, "cluster.local", now());
  REQUIRE(ca);
  CHECK(ca->intermediates() == std::vector<std::string>{lower.certificate, upper.certificate});
  CHECK(ca->root_pem() == root.root_pem());
  CHECK(ca->not_after() == end);  // the upper one's, which is first
}

TEST_CASE("no leaf outlives the intermediate that signed it") {
  const auto root = authority();
  const auto end = std::chrono::floor<std::chrono::seconds>(now()) + 10min;
  const auto ca = CertificateAuthority::load(make_intermediate(root, {.not_after = end}),
                                             "cluster.local", now());
  REQUIRE(ca);
  CHECK(ca->not_after() == end);
  const auto key = *generate_key();
  const auto leaf = ca->sign(*make_csr(key, spiffe("a")), spiffe("a"), now(), 24h);
  REQUIRE(leaf);
  CHECK(certificate_facts(*leaf)->front().not_after == end);
}

TEST_CASE("what can't be used as an authority is refused with its reason") {
  const auto root = authority();
  const auto good = make_intermediate(root);
  const auto with = [&](auto change) {
    auto parts = good;
    change(parts);
    const auto ca = CertificateAuthority::load(parts, "cluster.local", now());
    return ca ? std::string("taken") : to_string(ca.error());
  };
  CHECK(with([](AuthorityParts&) {}) == "taken");
  CHECK(with([](AuthorityParts& p) { p.key = *generate_key(); }).contains("the key is not"));
  CHECK(with([](AuthorityParts& p) {
          p.roots = authority().root_pem();
        }).contains("unable to get local issuer certificate"));
  CHECK(with([](AuthorityParts& p) { p.roots = "nothing"; }).contains("no certificate"));
  CHECK(with([&](AuthorityParts& p) {
          p.roots += party(root, spiffe("a"))->chain().front().pem;
        }).contains("one of the roots is no CA's"));
  CHECK(with([&](AuthorityParts& p) {
          p = make_intermediate(root, {.not_after = now() - 1min});
        }).contains("certificate has expired (certificate 1 from the leaf)"));
  CHECK(with([&](AuthorityParts& p) {
          p = make_intermediate(root, {.is_ca = false});
        }).contains("invalid CA certificate"));
}

}  // namespace
}  // namespace culvert::tls
