// CertificateStore: the certificates of the workloads that this node speaks for. It makes their
// keys, has them signed, renews them at half life, and gives them to whoever connects. Lives on the
// control thread; current() and list() are for every thread. Source of truth: Istio's ztunnel
// identity/manager.rs, and where we differ, README.md.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "ztunnel/lib/base/identity.h"
#include "ztunnel/lib/base/rng.h"
#include "ztunnel/lib/io/event.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/tls/certificate.h"

namespace culvert::control {

// SignCsr has a CSR (PEM) signed for an identity and gives the elements of the chain: leaf,
// intermediates, roots last. Called on the store's loop.
using SignCsr = std::function<io::Task<std::vector<std::string>>(SpiffeId id, std::string csr)>;

inline constexpr unsigned kSigningsAtOnce = 8;  // as Istio's ztunnel: spares the CA a burst
// A CA that does not answer must not hold one of the eight places for ever.
inline constexpr auto kSigningLimit = std::chrono::seconds(10);
inline constexpr auto kSigningBackoffFirst = std::chrono::milliseconds(500);
inline constexpr auto kSigningBackoffMax = std::chrono::seconds(150);
// A connection that waits for a certificate shortens the backoff to this.
inline constexpr auto kSigningBackoffWanted = std::chrono::seconds(1);
// How long get() waits for a CA that is away, as an agent that restarts is.
inline constexpr auto kCertificateWait = std::chrono::seconds(5);

enum class CertificateState : std::uint8_t { initializing, available, unavailable };

struct CertificateStatus {
  SpiffeId id;
  CertificateState state = CertificateState::initializing;
  tls::IdentityPtr identity;  // the newest valid one, if any
  std::string error;          // why the last signing failed; empty after a success
};

// state_text gives "Available", "Initializing" or "Unavailable: <why>", as config_dump shows it.
std::string state_text(const CertificateStatus& status);

class CertificateStore {
 public:
  struct Options {
    // Told of each new certificate, and with null of each that ended, on the store's thread.
    std::function<void(const SpiffeId&, const tls::IdentityPtr&)> on_change;
    std::function<tls::WallTime()> wall_clock = [] { return std::chrono::system_clock::now(); };
  };

  // `loop` and `rng` must outlive the store; stop() must have ended before its destruction.
  CertificateStore(io::Loop& loop, Rng& rng, SignCsr sign, Options options);
  ~CertificateStore();

  // get gives a valid certificate for `id`, from the store or, ahead of all that nobody waits for,
  // from the CA; all who wait share one signing. Fails with what the signing failed with; if the CA
  // is away, only after kCertificateWait. Fails with `cancelled` when the store stops and with
  // `not_found` when `id` is forgotten meanwhile. Control thread.
  io::Task<tls::IdentityPtr> get(SpiffeId id);

  // prefetch has a certificate made before someone waits for it. Control thread.
  void prefetch(const SpiffeId& id);

  // forget ends the renewal of `id` and drops its certificate; connections keep theirs. Control
  // thread.
  void forget(const SpiffeId& id);

  // current gives the newest valid certificate for `id`, or null. Any thread; costs one atomic load
  // of a shared pointer and a look-up.
  tls::IdentityPtr current(const SpiffeId& id) const;

  // list gives all identities with their states, in order. Any thread.
  std::vector<CertificateStatus> list() const;

  // stop ends all signings and waits for them. Control thread.
  io::Task<> stop();

 private:
  enum class Priority : std::uint8_t { renewal, warm_up, awaited };
  static constexpr std::size_t kPriorities = 3;
  struct Entry;
  class Place;
  using Published = std::map<SpiffeId, CertificateStatus>;

  Entry& entry(const SpiffeId& id, Priority priority);
  Entry* find(const SpiffeId& id);
  void raise(Entry& entry, Priority priority);
  io::Task<> maintain(Entry& entry);
  io::Task<> sign_once(Entry& entry);
  io::Task<> await_place(Entry& entry);
  io::Task<> await_due(Entry& entry);
  io::Duration until_due(const Entry& entry) const;
  void succeeded(Entry& entry, tls::IdentityPtr identity);
  void failed(Entry& entry, Error error);
  void publish(const Entry& entry);

  io::Loop& loop_;
  Rng& rng_;
  SignCsr sign_;
  Options options_;
  bool stopping_ = false;
  unsigned signings_ = 0;
  std::array<unsigned, kPriorities> waiting_{};  // entries that wait for a place, by priority
  io::Event place_freed_;
  std::unordered_map<SpiffeId, std::unique_ptr<Entry>> entries_;
  std::atomic<std::shared_ptr<const Published>> published_;
  io::Scope scope_;  // entries that were forgotten, until their fibers have ended
};

}  // namespace culvert::control
