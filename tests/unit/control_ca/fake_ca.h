// A CA on the simulated loop, whose clock is the wall clock too, and a store that uses it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ztunnel/lib/control/certificate_store.h"
#include "ztunnel/lib/io/sim_loop.h"
#include "ztunnel/lib/obs/log.h"
#include "ztunnel/lib/tls/authority.h"
#include "ztunnel/lib/tls/key.h"

namespace culvert::control {

using namespace std::chrono_literals;
using WallTime = std::chrono::system_clock::time_point;

// Virtual time 0; any moment will do.
inline const WallTime kEpoch = std::chrono::sys_days(std::chrono::year(2026) / 11 / 25);

inline SpiffeId identity(const std::string& service_account) {
  return {"cluster.local", "demo", service_account};
}

struct FakeCa {
  struct Call {
    SpiffeId id;
    std::chrono::nanoseconds at;
    std::string csr;
  };

  explicit FakeCa(io::Loop& on) : loop(on) {
    auto made = tls::CertificateAuthority::create("test", kEpoch);
    REQUIRE(made);
    authority.emplace(std::move(*made));
  }

  WallTime now() const {
    return kEpoch + std::chrono::duration_cast<WallTime::duration>(loop.now().time_since_epoch());
  }

  io::Task<SignedChain> sign(std::string csr, SpiffeId id) {
    calls.push_back({id, loop.now().time_since_epoch(), csr});
    busy_max = std::max(busy_max, ++busy);
    auto slept = co_await as_result(pass(latency));
    --busy;
    co_await std::move(slept);
    if (failure) {
      co_await fail(*failure);
    }
    const auto named = co_await tls::csr_identity(csr);
    CHECK(named == id);
    auto pem = co_await authority->sign(csr, answer_as.value_or(id), now() + skew, lifetime);
    SignedChain signed_chain;
    signed_chain.chain.push_back(std::move(pem));
    signed_chain.roots = authority->root_pem();
    co_return signed_chain;
  }

  io::Task<> pass(io::Duration duration) { co_await loop.sleep(duration); }

  std::size_t calls_for(const SpiffeId& id) const {
    return static_cast<std::size_t>(
        std::count_if(calls.begin(), calls.end(), [&](const Call& call) { return call.id == id; }));
  }

  io::Loop& loop;
  std::optional<tls::CertificateAuthority> authority;
  io::Duration latency = 10ms;
  std::optional<Error> failure;
  std::optional<SpiffeId> answer_as;
  std::chrono::seconds lifetime = 24h;
  std::chrono::seconds skew = 0s;  // of the CA's clock
  std::vector<Call> calls;
  unsigned busy = 0;
  unsigned busy_max = 0;
};

inline Error away() {
  return {.code = Errc::unavailable, .context = "the CA is away"};
}

// A store with its CA; stops when it goes. Its log lines go nowhere.
struct Grounds {
  explicit Grounds(io::Duration limit = kFetchTimeout) : fetch_timeout(limit) {}

  io::SimLoop loop;
  io::Duration fetch_timeout;
  obs::LogSession log = *obs::setup({.sink = [](std::string_view) {}});
  Rng rng{7};
  FakeCa ca{loop};
  std::vector<std::pair<SpiffeId, tls::WorkloadIdentityPtr>> renewed;
  CertificateStore store{
      loop,
      rng,
      [this](std::string csr, SpiffeId id) { return ca.sign(std::move(csr), std::move(id)); },
      {.on_renewed = [this](const SpiffeId& id,
                            tls::WorkloadIdentityPtr now) { renewed.emplace_back(id, now); },
       .now = [this] { return ca.now(); },
       .fetch_timeout = fetch_timeout}};

  ~Grounds() { (void)block_on(loop, store.stop()); }

  // get fails the test when the store gives none.
  tls::WorkloadIdentityPtr get(const SpiffeId& id) {
    auto got = block_on(loop, store.get(id));
    REQUIRE_MESSAGE(got, to_string(got.error()));
    return *got;
  }

  // pass lets virtual time go by.
  void pass(io::Duration duration) { REQUIRE(block_on(loop, ca.pass(duration))); }

  CertificateState state(const SpiffeId& id) const {
    for (auto& state : store.states()) {
      if (state.id == id) {
        return state;
      }
    }
    return {};
  }
};

// Waits for a certificate in a fiber of its own and keeps the result.
inline io::Task<> get_into(CertificateStore& store, SpiffeId id,
                           std::optional<Result<tls::WorkloadIdentityPtr>>& out) {
  out.emplace(co_await as_result(store.get(std::move(id))));
}

inline io::Task<> join(io::Scope& scope) {
  co_await scope.join();
}

}  // namespace culvert::control
