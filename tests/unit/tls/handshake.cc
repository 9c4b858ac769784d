// Handshakes that succeed, and what both sides then know.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/tls/parties.h"

namespace culvert::tls {
namespace {

TEST_CASE("two workloads of one mesh prove to each other who they are") {
  io::SimLoop loop;
  const auto pair = connection(loop);
  CHECK(pair.server->peer_identity() == spiffe("client"));
  CHECK(pair.client->peer_identity() == spiffe("server"));
}

TEST_CASE("the key exchange is post-quantum and the cipher AES-256-GCM, without being asked for") {
  io::SimLoop loop;
  const auto pair = connection(loop);
  CHECK(pair.server->group() == "X25519MLKEM768");
  CHECK(pair.client->group() == "X25519MLKEM768");
  CHECK(pair.server->cipher() == "TLS_AES_256_GCM_SHA384");
  CHECK(pair.client->cipher() == "TLS_AES_256_GCM_SHA384");
}

TEST_CASE("a server is taken if it is one of several that are expected") {
  io::SimLoop loop;
  const auto ca = authority();
  auto hands = shake_hands(loop, party(ca, spiffe("blue")), party(ca, spiffe("client")),
                           {spiffe("blue"), spiffe("green")});
  CHECK(*hands.server);
  CHECK(*hands.client);
}

TEST_CASE("a handshake goes on through a transport that takes seven bytes at a time") {
  io::SimLoop loop;
  const auto pair = connection(loop, 7);
  CHECK(pair.server->peer_identity() == spiffe("client"));
}

TEST_CASE("two meshes whose roots both sides trust understand each other within a trust domain") {
  io::SimLoop loop;
  const auto old_ca = authority();
  const auto new_ca = authority();
  const std::string both = old_ca.root_pem() + new_ca.root_pem();
  const auto server = party(old_ca, leaf({to_string(spiffe("server"))}), both);
  const auto client = party(new_ca, leaf({to_string(spiffe("client"))}), both);
  REQUIRE(server);
  REQUIRE(client);
  CHECK((*server)->roots().size() == 2);
  auto hands = shake_hands(loop, *server, *client, {spiffe("server")});
  CHECK(*hands.server);
  CHECK(*hands.client);
}

TEST_CASE("a peer that says nothing is given up after the handshake's time") {
  io::SimLoop loop;
  const auto ca = authority();
  auto [a, silent] = net::make_pipe(loop);
  const auto began = loop.now();
  auto result = block_on(loop, accept_tls(loop, std::move(a), party(ca, spiffe("server"))));
  REQUIRE(!result);
  CHECK(result.error().code == Errc::timed_out);
  CHECK(to_string(result.error()) == "TLS handshake: timed out after 10000 ms");
  CHECK(loop.now() - began == kHandshakeTimeout);
}

TEST_CASE("a peer that goes away in mid-handshake is closed, not broken TLS") {
  io::SimLoop loop;
  const auto ca = authority();
  auto [a, b] = net::make_pipe(loop);
  b.reset();
  auto result = block_on(loop, accept_tls(loop, std::move(a), party(ca, spiffe("server"))));
  REQUIRE(!result);
  CHECK(result.error().code == Errc::closed);
}

}  // namespace
}  // namespace culvert::tls
