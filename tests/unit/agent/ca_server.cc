// The agent's CA and ztunnel's client, over a unix socket.
// SPDX-License-Identifier: Apache-2.0
#include "agent/mesh/ca_server.h"

#include <doctest/doctest.h>

#include "agent/mesh/local_ca.h"
#include "tests/unit/agent/served.h"
#include "ztunnel/lib/control/ca_client.h"
#include "ztunnel/lib/tls/key.h"

namespace culvert::mesh {

namespace {

const SpiffeId kCart{"cluster.local", "shop", "cart"};
const SpiffeId kTill{"cluster.local", "shop", "till"};

struct Bench {
  std::chrono::seconds lifetime_max;
  std::unique_ptr<io::Loop> loop = io::make_epoll_loop();
  LocalCa ca{std::move(*tls::CertificateAuthority::create("cluster.local",
                                                          std::chrono::system_clock::now())),
             [] { return std::chrono::system_clock::now(); }};
  CaServer server{*loop, ca, [](const SpiffeId& id) { return id == kCart; }, lifetime_max};
  Served served{*loop, server};
  Rng rng{1};
  io::Scope scope{*loop, io::Scope::OnFailure::ignore};
  control::CaClient client{*loop, rng, [this] { return dial(*loop, served.path()); }};

  explicit Bench(std::chrono::seconds lifetime = tls::kLeafLifetime) : lifetime_max(lifetime) {
    scope.spawn(client.run());
  }
  ~Bench() { served.stop(scope); }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  // sign asks for `impersonated` with a request that names `in_csr`.
  auto sign(const SpiffeId& in_csr, const SpiffeId& impersonated) {
    return sign(in_csr, impersonated, *tls::generate_key());
  }
  Result<control::SignedChain> sign(const SpiffeId& in_csr, const SpiffeId& impersonated,
                                    const std::string& key) {
    return io::block_on(*loop, client.sign(*tls::make_csr(key, in_csr), impersonated));
  }
};

}  // namespace

TEST_CASE("a pod of this node gets a leaf and the root") {
  Bench bench;
  const auto chain = bench.sign(kCart, kCart);
  if (!chain) {
    MESSAGE(to_string(chain.error()));
  }
  CHECK(chain);
}

TEST_CASE("a leaf lives no longer than the agent's flag says, whatever is asked for") {
  Bench bench(std::chrono::minutes(5));
  const auto key = tls::generate_key();
  const auto chain = bench.sign(kCart, kCart, *key);
  REQUIRE(chain);
  const auto identity = tls::WorkloadIdentity::make(*key, chain->chain, chain->roots);
  REQUIRE(identity);
  const auto left = (*identity)->chain().front().not_after - std::chrono::system_clock::now();
  CHECK(left <= std::chrono::minutes(5));
  CHECK(left > std::chrono::minutes(4));
}

TEST_CASE("an identity that no pod of this node has is denied") {
  Bench bench;
  const auto chain = bench.sign(kTill, kTill);
  REQUIRE(!chain);
  CHECK(chain.error().code == Errc::denied);
  CHECK(to_string(chain.error()).find("no ambient pod of this node has the identity") !=
        std::string::npos);
}

TEST_CASE("a request that impersonates another than it names is denied") {
  Bench bench;
  CHECK(bench.sign(kTill, kCart).error().code == Errc::denied);
  CHECK(bench.sign(kCart, kTill).error().code == Errc::denied);
}

TEST_CASE("a request that is no CSR is refused") {
  Bench bench;
  CHECK(!io::block_on(*bench.loop, bench.client.sign("nonsense", kCart)));
}

}  // namespace culvert::mesh
