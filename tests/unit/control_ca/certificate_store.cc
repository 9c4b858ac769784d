// The store while all goes well.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/control/certificate_store.h"

#include <array>

#include "tests/unit/control_ca/fake_ca.h"

namespace culvert::control {
namespace {

TEST_CASE("all who wait for an identity share one fetch and get the same certificate") {
  Grounds grounds;
  std::array<std::optional<Result<tls::WorkloadIdentityPtr>>, 5> got;
  io::Scope scope(grounds.loop);
  for (auto& one : got) {
    scope.spawn(get_into(grounds.store, identity("a"), one));
  }
  REQUIRE(block_on(grounds.loop, join(scope)));
  CHECK(grounds.ca.calls.size() == 1);
  for (const auto& one : got) {
    REQUIRE(*one);
    CHECK(**one == **got.front());
    CHECK((**one)->id() == identity("a"));
  }
  CHECK(grounds.get(identity("a")) == **got.front());
  CHECK(grounds.ca.calls.size() == 1);
}

TEST_CASE("every fetch has a key of its own") {
  Grounds grounds;
  grounds.get(identity("a"));
  grounds.get(identity("b"));
  grounds.store.forget(identity("a"));
  grounds.get(identity("a"));
  REQUIRE(grounds.ca.calls.size() == 3);
  CHECK(grounds.ca.calls[0].csr != grounds.ca.calls[2].csr);
}

TEST_CASE("a certificate is renewed once, around half of its life, and the owner is told") {
  Grounds grounds;
  const auto first = grounds.get(identity("a"));
  CHECK(grounds.renewed.empty());  // the first one went to who asked
  grounds.pass(9h);
  CHECK(grounds.ca.calls.size() == 1);
  grounds.pass(6h);
  REQUIRE(grounds.ca.calls.size() == 2);
  REQUIRE(grounds.renewed.size() == 1);
  CHECK(grounds.renewed.front().first == identity("a"));
  CHECK(grounds.renewed.front().second != first);
  CHECK(grounds.get(identity("a")) == grounds.renewed.front().second);
  const auto life = 24h + tls::kLeafBackdate;
  const auto age = grounds.ca.calls[1].at + tls::kLeafBackdate;
  CHECK(age >= life * 2 / 5 - 1s);
  CHECK(age <= life * 3 / 5 + 5min);
}

TEST_CASE("certificates that were fetched together are not renewed together") {
  Grounds grounds;
  for (int i = 0; i < 8; ++i) {
    grounds.get(identity("w" + std::to_string(i)));
  }
  grounds.pass(16h);
  REQUIRE(grounds.ca.calls.size() == 16);
  auto earliest = grounds.ca.calls[8].at;
  auto latest = earliest;
  for (std::size_t i = 8; i < 16; ++i) {
    earliest = std::min(earliest, grounds.ca.calls[i].at);
    latest = std::max(latest, grounds.ca.calls[i].at);
  }
  CHECK(latest - earliest > 1h);
}

TEST_CASE("a certificate of seconds is renewed in time and does not make the store spin") {
  Grounds grounds;
  grounds.ca.lifetime = 2s;
  grounds.get(identity("a"));
  grounds.pass(60s);
  CHECK(grounds.ca.calls.size() <= 121);
  CHECK(grounds.state(identity("a")).valid);
}

TEST_CASE("a forgotten identity is renewed no more, and comes back when it is asked for") {
  Grounds grounds;
  grounds.get(identity("a"));
  grounds.store.forget(identity("a"));
  CHECK(grounds.store.states().empty());
  grounds.pass(48h);
  CHECK(grounds.ca.calls.size() == 1);
  grounds.get(identity("a"));
  CHECK(grounds.ca.calls.size() == 2);
}

TEST_CASE("who waits for an identity that is forgotten is told so at once") {
  Grounds grounds;
  grounds.ca.latency = 5s;
  std::optional<Result<tls::WorkloadIdentityPtr>> got;
  io::Scope scope(grounds.loop);
  scope.spawn(get_into(grounds.store, identity("a"), got));
  grounds.pass(1s);
  grounds.store.forget(identity("a"));
  REQUIRE(block_on(grounds.loop, join(scope)));
  REQUIRE(got.has_value());
  REQUIRE(!*got);
  CHECK(got->error().code == Errc::cancelled);
  CHECK(grounds.loop.now().time_since_epoch() < 2s);
}

TEST_CASE("states tell what is initializing, available and why something is not") {
  Grounds grounds;
  grounds.get(identity("good"));
  grounds.ca.latency = 1s;
  std::optional<Result<tls::WorkloadIdentityPtr>> got;
  io::Scope scope(grounds.loop);
  scope.spawn(get_into(grounds.store, identity("new"), got));
  grounds.pass(500ms);
  CHECK(grounds.state(identity("good")).valid);
  CHECK(grounds.state(identity("good")).current != nullptr);
  CHECK(!grounds.state(identity("new")).valid);
  CHECK(grounds.state(identity("new")).failure.empty());
  grounds.ca.failure = away();
  grounds.pass(1s);
  CHECK(grounds.state(identity("new")).failure == "the CA is away");
  scope.cancel();
  REQUIRE(block_on(grounds.loop, join(scope)));
}

}  // namespace
}  // namespace culvert::control
