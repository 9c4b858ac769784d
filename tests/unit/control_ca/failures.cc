// The store while the CA fails, lies or says nothing.
// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/control_ca/fake_ca.h"

namespace culvert::control {
namespace {

TEST_CASE("a renewal that fails takes nothing away before the certificate's own end") {
  Grounds grounds;
  const auto first = grounds.get(identity("a"));
  grounds.ca.failure = away();
  grounds.pass(23h + 50min);
  CHECK(grounds.ca.calls.size() > 10);
  CHECK(grounds.get(identity("a")) == first);
  const auto state = grounds.state(identity("a"));
  CHECK(state.valid);
  CHECK(state.current == first);
  CHECK(state.failure == "the CA is away");
  CHECK(grounds.renewed.empty());
}

TEST_CASE("an expired certificate is given to nobody, and a CA that comes back heals it") {
  Grounds grounds;
  grounds.get(identity("a"));
  grounds.ca.failure = away();
  grounds.pass(25h);
  CHECK(!grounds.state(identity("a")).valid);
  std::optional<Result<tls::WorkloadIdentityPtr>> got;
  io::Scope scope(grounds.loop);
  scope.spawn(get_into(grounds.store, identity("a"), got));
  grounds.pass(20s);
  CHECK(!got.has_value());
  grounds.ca.failure.reset();
  grounds.pass(8s);
  REQUIRE(got.has_value());
  REQUIRE(*got);
  CHECK((**got)->chain().front().not_after > grounds.ca.now());
  CHECK(grounds.state(identity("a")).failure.empty());
  REQUIRE(block_on(grounds.loop, join(scope)));
}

TEST_CASE("a missing certificate is asked for again and again, at most every five seconds or so") {
  Grounds grounds;
  grounds.ca.failure = away();
  std::optional<Result<tls::WorkloadIdentityPtr>> got;
  io::Scope scope(grounds.loop);
  scope.spawn(get_into(grounds.store, identity("a"), got));
  grounds.pass(120s);
  // 0.5 + 1 + 2 + 4 s, then every 5 s, each give or take 20 %.
  CHECK(grounds.ca.calls.size() >= 20);
  CHECK(grounds.ca.calls.size() <= 33);
  grounds.ca.failure.reset();
  REQUIRE(block_on(grounds.loop, join(scope)));
  CHECK(*got);
}

TEST_CASE("a renewal that fails is tried less and less often, down to every 15 seconds") {
  Grounds grounds;
  grounds.get(identity("a"));
  grounds.ca.failure = away();
  while (grounds.ca.calls.size() == 1) {
    grounds.pass(1min);
  }
  grounds.pass(1min);  // half a second doubled is 15 s by then
  const auto before = grounds.ca.calls.size();
  grounds.pass(10min);
  const auto tries = grounds.ca.calls.size() - before;
  CHECK(tries >= 32);
  CHECK(tries <= 51);
}

TEST_CASE("a CA that says it cancelled the call is asked again like any other that fails") {
  Grounds grounds;
  grounds.ca.failure = Error{.code = Errc::cancelled, .context = "cancelled by the server"};
  std::optional<Result<tls::WorkloadIdentityPtr>> got;
  io::Scope scope(grounds.loop);
  scope.spawn(get_into(grounds.store, identity("a"), got));
  grounds.pass(3s);
  CHECK(grounds.ca.calls.size() > 1);
  grounds.ca.failure.reset();
  REQUIRE(block_on(grounds.loop, join(scope)));
  CHECK(*got);
}

TEST_CASE("a CA that does not answer is given up after its time, and asked again") {
  Grounds grounds;
  grounds.ca.latency = 100h;
  std::optional<Result<tls::WorkloadIdentityPtr>> got;
  io::Scope scope(grounds.loop);
  scope.spawn(get_into(grounds.store, identity("a"), got));
  grounds.pass(kFetchTimeout + 100ms);
  CHECK(grounds.state(identity("a")).failure ==
        "certificate of spiffe://cluster.local/ns/demo/sa/a: timed out after 10000 ms");
  grounds.ca.latency = 10ms;
  grounds.pass(2s);
  REQUIRE(got.has_value());
  CHECK(*got);
  REQUIRE(block_on(grounds.loop, join(scope)));
}

TEST_CASE("a certificate for somebody else, or one that has expired, is not taken") {
  Grounds grounds;
  std::optional<Result<tls::WorkloadIdentityPtr>> got;
  io::Scope scope(grounds.loop);
  grounds.ca.answer_as = identity("b");
  scope.spawn(get_into(grounds.store, identity("a"), got));
  grounds.pass(100ms);
  CHECK(!got.has_value());
  CHECK(grounds.state(identity("a")).failure ==
        "the CA answered with a certificate of spiffe://cluster.local/ns/demo/sa/b");
  grounds.ca.answer_as.reset();
  grounds.ca.skew = -48h;
  grounds.pass(1s);
  CHECK(!got.has_value());
  CHECK(grounds.state(identity("a")).failure ==
        "the CA answered with a certificate that has expired");
  grounds.ca.skew = 0s;
  REQUIRE(block_on(grounds.loop, join(scope)));
  CHECK(*got);
}

}  // namespace
}  // namespace culvert::control
