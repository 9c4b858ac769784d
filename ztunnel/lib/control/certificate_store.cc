// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/control/certificate_store.h"

#include <algorithm>

#include "ztunnel/lib/io/timeout.h"
#include "ztunnel/lib/tls/key.h"

namespace culvert::control {
namespace {

// Not sooner than this after a success, whatever the certificate says: a CA that issues
// certificates of seconds must not make us spin.
constexpr std::chrono::milliseconds kRenewalMin{500};
// How late a renewal may be after the machine slept or its clock was set.
constexpr std::chrono::minutes kWallClockCheck{5};

io::Task<> wait_for(io::Event& event) {
  co_await event.wait();
}

// Place is one of the kFetchesMax fetches at once, given back also when the fiber is cancelled.
class Place {
 public:
  Place(unsigned& taken, io::Event& freed) : taken_(taken), freed_(freed) { ++taken_; }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    --taken_;
    freed_.notify_all();
  }

 private:
  unsigned& taken_;
  io::Event& freed_;
};

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
    auto fetched = co_await as_result(fetch_in_turn(entry));
    if (!fetched) {
      if (scope_.cancelled()) {
        co_return;
      }
      note_failure(*entry, fetched.error());
      // Give or take 20 %, so that a CA that comes back is not met by all at once.
      const auto percent = static_cast<std::int64_t>(80 + rng_.below(41));
      co_await pause(entry, backoff * percent / 100);
      // Nothing connects without a certificate, so one that is missing is asked for more often.
      const auto most = is_valid(*entry) ? kFetchBackoffMax : kFetchBackoffMissingMax;
      backoff = std::min<io::Duration>(backoff * 2, most);
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
    co_await await_renewal(entry);
  }
}

void CertificateStore::note_failure(Entry& entry, const Error& error) {
  entry.failure = to_string(error);
  options_.on_failure();
  // A CA that is away fails all identities of the node, again and again.
  const char* const what =
      is_valid(entry) ? "renewal failed; the present certificate stays in use" : "no certificate";
  log_.log(loop_.now(), what, what, {{"identity", to_string(entry.id)}, {"error", entry.failure}});
}

// Sleeps until the certificate is due, by the wall clock: the loop's clock stands still while the
// machine sleeps, so the wall clock is looked at now and then.
io::Task<> CertificateStore::await_renewal(EntryPtr entry) {
  const auto due = renewal_time(*entry->current);
  co_await pause(entry, kRenewalMin);
  while (!entry->forgotten && options_.now() < due) {
    co_await pause(entry, std::min<io::Duration>(due - options_.now(), kWallClockCheck));
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

std::chrono::system_clock::time_point CertificateStore::renewal_time(
    const tls::WorkloadIdentity& identity) {
  const auto& leaf = identity.chain().front();
  const auto life = leaf.not_after - leaf.not_before;
  const auto percent = static_cast<std::int64_t>(50 - kRenewalJitterPercent +
                                                 rng_.below(2 * kRenewalJitterPercent + 1));
  return leaf.not_before + life / 100 * percent;
}

io::Task<tls::WorkloadIdentityPtr> CertificateStore::fetch_in_turn(EntryPtr entry) {
  const SpiffeId id = entry->id;
  while (fetches_ >= kFetchesMax || (is_valid(*entry) && is_one_missing_in_queue())) {
    queue_.push_back(entry);
    auto woken = co_await as_result(wait_for(fetch_ended_));
    queue_.erase(std::find(queue_.begin(), queue_.end(), entry));
    co_await std::move(woken);
  }
  const Place place(fetches_, fetch_ended_);
  co_return co_await io::with_timeout(loop_, options_.fetch_timeout,
                                      "certificate of " + to_string(id), fetch(id));
}

bool CertificateStore::is_one_missing_in_queue() const {
  return std::any_of(queue_.begin(), queue_.end(),
                     [this](const EntryPtr& entry) { return !is_valid(*entry); });
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
  if (options_.now() < identity->chain().front().not_before) {
    co_return fail(Errc::identity,
                   "the CA answered with a certificate that is not valid yet: compare the clocks",
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
