// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/control/certificate_store.h"

#include <algorithm>

#include "ztunnel/lib/io/timeout.h"
#include "ztunnel/lib/obs/log.h"
#include "ztunnel/lib/tls/key.h"

namespace culvert::control {
namespace {

// Not sooner than this after a success, whatever the certificate says: a CA that issues certificates
// of seconds must not make us spin.
constexpr std::chrono::milliseconds kRenewalMin{500};

io::Task<> wait_for(io::Event& event) {
  co_await event.wait();
}

}  // namespace

CertificateStore::CertificateStore(io::Loop& loop, Rng& rng, SignCsr sign,
                                   CertificateStoreOptions options)
    : loop_(loop),
      rng_(rng),
      sign_(std::move(sign)),
      options_(std::move(options)),
      scope_(loop, io::Scope::OnFailure::ignore) {}

io::Task<tls::WorkloadIdentityPtr> CertificateStore::get(SpiffeId id) {
  auto& place = entries_[id];
  if (place == nullptr) {
    place = std::make_shared<Entry>();
    place->id = id;
    scope_.spawn(keep(place));
  }
  const EntryPtr entry = place;  // the map may change while we wait
  while (!is_valid(*entry)) {
    if (entry->forgotten) {
      co_return fail(Errc::cancelled, "the identity is no longer wanted");
    }
    co_await entry->changed.wait();
  }
  co_return entry->current;
}

void CertificateStore::forget(const SpiffeId& id) {
  if (auto node = entries_.extract(id)) {
    node.mapped()->forgotten = true;
    node.mapped()->changed.notify_all();
  }
}

bool CertificateStore::is_valid(const Entry& entry) const {
  return entry.current != nullptr && options_.now() < entry.current->chain().front().not_after;
}

io::Task<> CertificateStore::keep(EntryPtr entry) {
  io::Duration backoff = kFetchBackoffFirst;
  while (!entry->forgotten) {
    auto fetched = co_await as_result(fetch_in_turn(entry->id));
    if (!fetched) {
      if (fetched.error().code == Errc::cancelled) {
        co_return;
      }
      entry->failure = to_string(fetched.error());
      obs::log(obs::Level::warn, "certificates",
               is_valid(*entry) ? "renewal failed; the present certificate stays in use"
                                : "no certificate",
               {{"identity", to_string(entry->id)}, {"error", entry->failure}});
      // Give or take 20 %, so that a CA that comes back is not met by all at once.
      const auto percent = static_cast<std::int64_t>(80 + rng_.below(41));
      co_await pause(entry, backoff * percent / 100);
      backoff = std::min<io::Duration>(backoff * 2, kFetchBackoffMax);
      continue;
    }
    const bool renewed = entry->current != nullptr;
    entry->current = std::move(*fetched);
    entry->failure.clear();
    backoff = kFetchBackoffFirst;
    entry->changed.notify_all();
    if (renewed && !entry->forgotten) {
      options_.on_renewed(entry->id, entry->current);
    }
    co_await pause(entry, until_renewal(*entry->current));
  }
}

// Sleeps, unless the identity is forgotten earlier.
io::Task<> CertificateStore::pause(EntryPtr entry, io::Duration duration) {
  const auto until = loop_.now() + duration;
  while (!entry->forgotten && loop_.now() < until) {
    auto woken = co_await as_result(
        io::with_timeout(loop_, until - loop_.now(), "pause", wait_for(entry->changed)));
    if (!woken && woken.error().code != Errc::timed_out) {
      co_await fail(std::move(woken).error());
    }
  }
}

io::Duration CertificateStore::until_renewal(const tls::WorkloadIdentity& identity) {
  const auto& leaf = identity.chain().front();
  const auto life = leaf.not_after - leaf.not_before;
  const auto jitter = life / 100 * static_cast<std::int64_t>(rng_.below(2 * kRenewalJitterPercent + 1)) -
                      life / 100 * static_cast<std::int64_t>(kRenewalJitterPercent);
  const auto when = leaf.not_before + life / 2 + jitter / 2;
  return std::max<io::Duration>(when - options_.now(), kRenewalMin);
}

io::Task<tls::WorkloadIdentityPtr> CertificateStore::fetch_in_turn(SpiffeId id) {
  while (fetches_ >= kFetchesMax) {
    co_await fetch_ended_.wait();
  }
  ++fetches_;
  auto fetched = co_await as_result(
      io::with_timeout(loop_, options_.fetch_timeout, "certificate of " + to_string(id), fetch(id)));
  --fetches_;
  fetch_ended_.notify_one();
  co_return co_await std::move(fetched);
}

io::Task<tls::WorkloadIdentityPtr> CertificateStore::fetch(SpiffeId id) {
  const auto key = co_await tls::generate_key();
  const auto csr = co_await tls::make_csr(key, id);
  const auto answer = co_await sign_(csr, id);
  auto identity = co_await tls::WorkloadIdentity::make(key, answer.chain, answer.roots);
  if (identity->id() != id) {
    co_return fail(Errc::identity,
                   "the CA answered with a certificate of " + to_string(identity->id()),
                   Side::control);
  }
  if (options_.now() >= identity->chain().front().not_after) {
    co_return fail(Errc::identity, "the CA answered with a certificate that has expired",
                   Side::control);
  }
  co_return identity;
}

std::vector<CertificateState> CertificateStore::states() const {
  std::vector<CertificateState> states;
  for (const auto& [id, entry] : entries_) {
    states.push_back({id, entry->current, entry->failure, is_valid(*entry)});
  }
  return states;
}

io::Task<> CertificateStore::stop() {
  scope_.cancel();
  co_await scope_.join();
}

}  // namespace culvert::control
