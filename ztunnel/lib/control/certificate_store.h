// CertificateStore: the certificates of the workloads of this node. It makes their keys, which
// never leave it, has them signed, renews them at half life, and keeps a valid one when a renewal
// fails. Lives on the control thread. Source of truth: ztunnel src/identity/manager.rs; wire-facts
// §4.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ztunnel/lib/base/identity.h"
#include "ztunnel/lib/base/rng.h"
#include "ztunnel/lib/io/event.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/io/scope.h"
#include "ztunnel/lib/obs/log.h"
#include "ztunnel/lib/tls/certificate.h"

namespace culvert::control {

// At once in flight, as Istio's ztunnel: a node that starts must not flood the CA.
inline constexpr unsigned kFetchesMax = 8;
// A CA that does not answer would hold one of the eight places for ever.
inline constexpr std::chrono::seconds kFetchTimeout{10};
inline constexpr std::chrono::milliseconds kFetchBackoffFirst{500};
// Istio's is 150 s. With a fifth of jitter, and what the agent needs to find its API server again,
// a certificate that fell due meanwhile is renewed within 30 s of the CA's return.
inline constexpr std::chrono::seconds kFetchBackoffMax{15};
inline constexpr std::chrono::seconds kFetchBackoffMissingMax{5};  // while there is no valid one
// Around half life, so that a node whose pods started together does not renew them together.
inline constexpr unsigned kRenewalJitterPercent = 10;

// What a CA answers to a request: the leaf and its intermediates, PEM each, and the roots as one
// PEM.
struct SignedChain {
  std::vector<std::string> chain;
  std::string roots;
};

// SignCsr has a request (PEM) signed for an identity.
using SignCsr = std::function<io::Task<SignedChain>(std::string csr_pem, SpiffeId id)>;

struct CertificateStoreOptions {
  // on_renewed is told of each certificate that takes the place of an earlier one.
  std::function<void(const SpiffeId&, tls::WorkloadIdentityPtr)> on_renewed =
      [](const SpiffeId&, const tls::WorkloadIdentityPtr&) {};
  // on_failure is told of each fetch that failed. For metrics.
  std::function<void()> on_failure = [] {};
  std::function<std::chrono::system_clock::time_point()> now = [] {
    return std::chrono::system_clock::now();
  };
  io::Duration fetch_timeout = kFetchTimeout;
};

// CertificateState is what dumps show of an identity.
struct CertificateState {
  SpiffeId id;
  tls::WorkloadIdentityPtr current;  // null before the first success
  std::string failure;               // why the last fetch failed; empty after a success
  bool valid = false;                // `current` is there and has not expired
};

class CertificateStore {
 public:
  // `loop` and `rng` must outlive the store, whose stop() must have ended before its destruction.
  CertificateStore(io::Loop& loop, Rng& rng, SignCsr sign, CertificateStoreOptions options = {});

  // get gives a valid certificate, and waits for as long as there is none; all who wait share one
  // fetch, which goes before renewals. From then on the identity is kept renewed. Fails with
  // `cancelled` when it is forgotten.
  io::Task<tls::WorkloadIdentityPtr> get(SpiffeId id);

  // forget ends the renewal; connections keep what they have.
  void forget(const SpiffeId& id);

  std::vector<CertificateState> states() const;

  // stop ends all fetches and waits for them.
  io::Task<> stop();

 private:
  struct Entry {
    SpiffeId id;
    tls::WorkloadIdentityPtr current;
    std::string failure;
    bool forgotten = false;
    io::Event changed;
  };
  // Shared by the map, the fiber that keeps it and those who wait, each of which may be the last.
  using EntryPtr = std::shared_ptr<Entry>;

  bool is_valid(const Entry& entry) const;
  io::Task<> keep(EntryPtr entry);
  io::Task<> pause(EntryPtr entry, io::Duration duration);
  void note_failure(Entry& entry, const Error& error);
  io::Task<> await_renewal(EntryPtr entry);
  std::chrono::system_clock::time_point renewal_time(const tls::WorkloadIdentity& identity);
  io::Task<tls::WorkloadIdentityPtr> fetch_in_turn(EntryPtr entry);
  bool is_one_missing_in_queue() const;
  io::Task<tls::WorkloadIdentityPtr> fetch(SpiffeId id);

  io::Loop& loop_;
  Rng& rng_;
  SignCsr sign_;
  CertificateStoreOptions options_;
  std::map<SpiffeId, EntryPtr> entries_;
  unsigned fetches_ = 0;
  std::vector<EntryPtr> queue_;  // who waits for one of the fetches to end
  io::Event fetch_ended_;
  obs::RateLimitedLog log_{{.level = obs::Level::warn, .scope = "certificates"}};
  io::Scope scope_;
};

}  // namespace culvert::control
