// Certificates that must not be taken, each by the side that has to refuse it.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/tls/parties.h"

namespace culvert::tls {
namespace {

// Checks that the server refuses this client: with `code` and a sentence that holds `words`, and
// that the client is told so by an alert when it first reads.
void check_client_refused(const WorkloadIdentityPtr& server, const WorkloadIdentityPtr& client,
                          Errc code, const std::string& words) {
  io::SimLoop loop;
  auto hands = shake_hands(loop, server, client, {server->id()});
  REQUIRE(hands.server.has_value());
  REQUIRE(!*hands.server);
  CHECK(hands.server->error().code == code);
  CHECK_MESSAGE(to_string(hands.server->error()).find(words) != std::string::npos,
                to_string(hands.server->error()));
  REQUIRE(*hands.client);  // TLS 1.3: the client is done before the server looks at its certificate
  const auto read = block_on(loop, read_all(**(*hands.client)));
  REQUIRE(!read);
  CHECK(read.error().code == Errc::tls);
  CHECK_MESSAGE(read.error().sys != 0, to_string(read.error()));
}

// Checks that the client refuses this server.
void check_server_refused(const WorkloadIdentityPtr& server, const WorkloadIdentityPtr& client,
                          std::set<SpiffeId> expected, Errc code, const std::string& words) {
  io::SimLoop loop;
  auto hands = shake_hands(loop, server, client, std::move(expected));
  REQUIRE(hands.client.has_value());
  REQUIRE(!*hands.client);
  CHECK(hands.client->error().code == code);
  CHECK_MESSAGE(to_string(hands.client->error()).find(words) != std::string::npos,
                to_string(hands.client->error()));
  REQUIRE(hands.server.has_value());
  REQUIRE(!*hands.server);
  CHECK(hands.server->error().code == Errc::tls);
  CHECK(hands.server->error().sys != 0);
}

TEST_CASE("a client of another trust domain is refused") {
  const auto ca = authority();
  check_client_refused(party(ca, spiffe("server")), party(ca, spiffe("client", "other.example")),
                       Errc::identity, "is of trust domain other.example, not of cluster.local");
}

TEST_CASE("a server of another trust domain is taken when exactly it is expected, and only then") {
  const auto ca = authority();
  check_server_refused(party(ca, spiffe("server", "other.example")), party(ca, spiffe("client")),
                       {spiffe("server")}, Errc::identity, "expected spiffe://cluster.local/");
}

TEST_CASE("a server that is not the expected one is refused, and the sentence names both") {
  const auto ca = authority();
  check_server_refused(
      party(ca, spiffe("impostor")), party(ca, spiffe("client")),
      {spiffe("server"), spiffe("twin")}, Errc::identity,
      "peer proved spiffe://cluster.local/ns/demo/sa/impostor, expected "
      "spiffe://cluster.local/ns/demo/sa/server or spiffe://cluster.local/ns/demo/sa/twin");
}

TEST_CASE("with nobody expected every server is refused") {
  const auto ca = authority();
  check_server_refused(party(ca, spiffe("server")), party(ca, spiffe("client")), {}, Errc::identity,
                       "expected nobody");
}

TEST_CASE("a certificate of an unknown root is refused by either side") {
  const auto ca = authority();
  const auto other = authority();
  check_client_refused(party(ca, spiffe("server")),
                       *party(other, leaf({to_string(spiffe("client"))}), ca.root_pem()), Errc::tls,
                       "unable to get local issuer certificate");
  check_server_refused(party(other, spiffe("server")),
                       *party(ca, leaf({to_string(spiffe("client"))})), {spiffe("server")},
                       Errc::tls, "unable to get local issuer certificate");
}

TEST_CASE("an expired certificate is refused by either side") {
  const auto ca = authority();
  auto old = leaf({to_string(spiffe("old"))});
  old.not_before = now() - 2h;
  old.not_after = now() - 1min;
  check_client_refused(party(ca, spiffe("server")), *party(ca, old), Errc::tls,
                       "certificate has expired");
  check_server_refused(*party(ca, old), party(ca, spiffe("client")), {spiffe("old")}, Errc::tls,
                       "certificate has expired");
}

TEST_CASE("a certificate of the future is refused by either side") {
  const auto ca = authority();
  auto early = leaf({to_string(spiffe("early"))});
  early.not_before = now() + 30min;
  check_client_refused(party(ca, spiffe("server")), *party(ca, early), Errc::tls,
                       "certificate is not yet valid");
  check_server_refused(*party(ca, early), party(ca, spiffe("client")), {spiffe("early")}, Errc::tls,
                       "certificate is not yet valid");
}

TEST_CASE("a certificate for the other role is refused") {
  const auto ca = authority();
  auto server_only = leaf({to_string(spiffe("server"))});
  server_only.client_auth = false;
  check_client_refused(party(ca, spiffe("server")), *party(ca, server_only), Errc::tls,
                       "unsupported certificate purpose");
  auto client_only = leaf({to_string(spiffe("client"))});
  client_only.server_auth = false;
  check_server_refused(*party(ca, client_only), party(ca, spiffe("client")), {spiffe("client")},
                       Errc::tls, "unsupported certificate purpose");
}

}  // namespace
}  // namespace culvert::tls
