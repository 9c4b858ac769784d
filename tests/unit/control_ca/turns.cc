// Whose turn it is when many certificates are to be fetched.
// SPDX-License-Identifier: Apache-2.0
#include <deque>

#include "tests/unit/control_ca/fake_ca.h"

namespace culvert::control {
namespace {

TEST_CASE("eight fetches run at once and the others wait for their turn") {
  Grounds grounds;
  grounds.ca.latency = 1s;
  std::deque<std::optional<Result<tls::WorkloadIdentityPtr>>> got(20);
  io::Scope scope(grounds.loop);
  for (std::size_t i = 0; i < got.size(); ++i) {
    scope.spawn(get_into(grounds.store, identity("w" + std::to_string(i)), got[i]));
  }
  REQUIRE(block_on(grounds.loop, join(scope)));
  CHECK(grounds.ca.busy_max == kFetchesMax);
  CHECK(grounds.ca.calls.size() == 20);
  CHECK(grounds.loop.now().time_since_epoch() == 3s);
}

TEST_CASE("a certificate that somebody waits for is fetched before those that are renewed") {
  Grounds grounds(1000h);
  grounds.ca.lifetime = 200h;
  for (int i = 0; i < 14; ++i) {
    grounds.get(identity("w" + std::to_string(i)));
  }
  // All are due between 40 and 60 % of 200 h; the CA takes 60 h, so eight run and six wait.
  grounds.ca.latency = 60h;
  grounds.pass(121h);
  REQUIRE(grounds.ca.busy == kFetchesMax);
  REQUIRE(grounds.ca.calls.size() == 14 + kFetchesMax);
  grounds.ca.latency = 10ms;
  grounds.ca.calls.clear();
  std::optional<Result<tls::WorkloadIdentityPtr>> got;
  io::Scope scope(grounds.loop);
  scope.spawn(get_into(grounds.store, identity("new"), got));
  REQUIRE(block_on(grounds.loop, join(scope)));
  REQUIRE(*got);
  REQUIRE(!grounds.ca.calls.empty());
  CHECK(grounds.ca.calls.front().id == identity("new"));
}

}  // namespace
}  // namespace culvert::control
