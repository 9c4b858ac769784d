// A store and those who wait for it, cancelled at every suspension.
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/sim.h"
#include "tests/unit/control_ca/fake_ca.h"

namespace culvert::control {
namespace {

// Stops the store whatever happened, as its owner does.
io::Task<> use_store(io::SimLoop& loop) {
  Rng rng(3);
  FakeCa ca(loop);
  ca.lifetime = 3s;
  CertificateStore store(
      loop, rng,
      [&ca](std::string csr, SpiffeId id) { return ca.sign(std::move(csr), std::move(id)); },
      {.now = [&ca] { return ca.now(); }});
  auto used = co_await as_result([](CertificateStore& s, FakeCa& c) -> io::Task<> {
    co_await s.get(identity("a"));
    c.failure = away();
    co_await c.pass(1s);
    c.failure.reset();
    co_await s.get(identity("b"));
    s.forget(identity("a"));
    co_await c.pass(1s);
  }(store, ca));
  auto stopped = co_await as_result(store.stop());
  co_await std::move(used);
}

TEST_CASE("a store can be stopped at any moment: nothing leaks, hangs or crashes") {
  const auto log = *obs::setup({.sink = [](std::string_view) {}});
  const auto report =
      sim::cancel_everywhere([](io::SimLoop& loop) -> io::Task<> { return use_store(loop); });
  for (const auto& problem : report.problems) {
    FAIL_CHECK(problem);
  }
  CHECK(report.suspensions > 10);
}

}  // namespace
}  // namespace culvert::control
