// Keys, requests, and identities made of what a CA answers.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/tls/parties.h"

namespace culvert::tls {
namespace {

TEST_CASE("a request names its identity and proves its key") {
  const auto key = generate_key();
  REQUIRE(key);
  CHECK(key->starts_with("-----BEGIN PRIVATE KEY-----"));
  const auto csr = make_csr(*key, spiffe("client"));
  REQUIRE(csr);
  const auto id = csr_identity(*csr);
  REQUIRE(id);
  CHECK(*id == spiffe("client"));
}

TEST_CASE("a request that was changed after it was signed is refused") {
  const auto csr = make_csr(*generate_key(), spiffe("client"));
  REQUIRE(csr);
  // Any byte in the middle of the base64 text: the key, the name or the signature.
  int refused = 0;
  int tried = 0;
  for (std::size_t at = 60; at + 60 < csr->size(); at += 7) {
    std::string changed = *csr;
    if (changed[at] == '\n') {
      continue;
    }
    changed[at] = changed[at] == 'A' ? 'B' : 'A';
    ++tried;
    refused += csr_identity(changed) ? 0 : 1;
  }
  CHECK(tried > 30);
  CHECK(refused == tried);
}

TEST_CASE("text that is no request is refused with a sentence") {
  for (const std::string text : {"", "hello", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"}) {
    const auto id = csr_identity(text);
    REQUIRE(!id);
    CHECK(id.error().code == Errc::tls);
    CHECK(to_string(id.error()).starts_with("no certificate request in PEM text"));
  }
}

TEST_CASE("an identity shows what its certificates say") {
  const auto ca = authority();
  auto options = leaf({to_string(spiffe("client"))});
  options.not_before = std::chrono::sys_seconds(1'700'000'000s);
  options.not_after = std::chrono::sys_seconds(1'700'086'400s);
  const auto made = party(ca, options);
  REQUIRE(made);
  const auto& identity = **made;
  CHECK(identity.id() == spiffe("client"));
  REQUIRE(identity.chain().size() == 1);
  CHECK(identity.chain().front().not_before == options.not_before);
  CHECK(identity.chain().front().not_after == options.not_after);
  CHECK(identity.chain().front().serial_number.find_first_not_of("0123456789") ==
        std::string::npos);
  CHECK(!identity.chain().front().serial_number.empty());
  REQUIRE(identity.roots().size() == 1);
  CHECK(identity.roots().front().pem == ca.root_pem());
}

// A root of 2025 whose end is the last that can be written: 9999-12-31, "without an end".
constexpr const char* kEndlessRoot =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBRzCB7aADAgECAgEBMAoGCCqGSM49BAMCMBIxEDAOBgNVBAoMB2VuZGxlc3Mw\n"
    "IBcNMjUwMTAxMDAwMDAwWhgPOTk5OTEyMzEyMzU5NTlaMBIxEDAOBgNVBAoMB2Vu\n"
    "ZGxlc3MwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQ5gHEVxuzKwgDJW2kDC/wn\n"
    "1yQph988iJxxjk/mIGSi6PtKnFTm3Gygw3J76AL80V38vAGZIpUviaQeEkVz9KLt\n"
    "ozIwMDAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBTexIIROsC5p5YunxYs8I6p\n"
    "Rhg60TAKBggqhkjOPQQDAgNJADBGAiEAxfP7Hrh/yxQ+UrJTgmOgq5BDj6D6DFBN\n"
    "xUsyxQGKxmUCIQCYsBANQnIF8ORVVb0WGiF7IEh0KDtvW906dKfFjaB3zQ==\n"
    "-----END CERTIFICATE-----\n";

TEST_CASE("a certificate without an end has not ended") {
  const auto ca = authority();
  const auto key = *generate_key();
  const auto chain = std::vector<std::string>{
      *ca.issue(*make_csr(key, spiffe("a")), leaf({to_string(spiffe("a"))}))};
  const auto made = WorkloadIdentity::make(key, chain, ca.root_pem() + kEndlessRoot);
  REQUIRE(made);
  const auto& root = (*made)->roots().back();
  CHECK(root.not_before == std::chrono::sys_days(std::chrono::January / 1 / 2025));
  CHECK(root.not_after > now() + 24h * 365 * 100);
  CHECK(root.not_after - root.not_before > 24h * 365 * 100);
}

TEST_CASE("an identity is not made of parts that don't belong together") {
  const auto ca = authority();
  const auto key = *generate_key();
  const auto other_key = *generate_key();
  const auto good = ca.issue(*make_csr(key, spiffe("a")), leaf({to_string(spiffe("a"))}));
  const auto nameless = ca.issue(*make_csr(key, spiffe("a")), leaf({}));
  REQUIRE(good);
  REQUIRE(nameless);
  using Chain = std::vector<std::string>;
  const auto code = [](const Result<WorkloadIdentityPtr>& made) {
    return made ? std::optional<Errc>() : made.error().code;
  };
  CHECK(code(WorkloadIdentity::make(other_key, Chain{*good}, ca.root_pem())) == Errc::tls);
  CHECK(code(WorkloadIdentity::make(key, Chain{}, ca.root_pem())) == Errc::tls);
  CHECK(code(WorkloadIdentity::make(key, Chain{*good}, "")) == Errc::tls);
  CHECK(code(WorkloadIdentity::make("no key", Chain{*good}, ca.root_pem())) == Errc::tls);
  CHECK(code(WorkloadIdentity::make(key, Chain{*nameless}, ca.root_pem())) == Errc::identity);
  CHECK(!code(WorkloadIdentity::make(key, Chain{*good}, ca.root_pem())));
}

}  // namespace
}  // namespace culvert::tls
