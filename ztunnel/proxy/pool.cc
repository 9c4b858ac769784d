// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/proxy/pool.h"

#include <fmt/format.h>

#include <algorithm>

#include "ztunnel/lib/io/timeout.h"
#include "ztunnel/lib/tls/stream.h"
#include "ztunnel/proxy/limits.h"

namespace culvert::proxy {
namespace {

constexpr std::chrono::seconds kIdleCheck{10};
// GOAWAY and close_notify have to leave within this time; then the tunnel is cut.
constexpr std::chrono::seconds kStopLimit{2};

}  // namespace

// A tunnel is held by the pool while it can take streams, by its own fiber while it lives, and by
// each fiber that is about to open a stream on it.
struct Pool::Tunnel {
  TunnelKey key;
  PodPtr pod;
  std::unique_ptr<http::H2Connection> h2;  // null while it comes up
  SpiffeId peer;
  std::optional<Error> failure;
  io::Event changed;        // h2 or failure was set
  std::size_t waiting = 0;  // fibers that wait for it to come up

  bool coming_up() const { return h2 == nullptr && !failure; }
};

// Counts a fiber that waits for a tunnel to come up.
class Pool::Waiting {
 public:
  explicit Waiting(Tunnel& tunnel) : tunnel_(tunnel) { ++tunnel_.waiting; }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() { --tunnel_.waiting; }

 private:
  Tunnel& tunnel_;
};

io::Task<OpenedStream> Pool::open(PodPtr pod, TunnelKey key, http::HeaderList request) {
  std::optional<Error> last;
  for (int attempt = 0; attempt < kOpenAttempts; ++attempt) {
    const TunnelPtr tunnel = co_await tunnel_with_room(pod, key);
    auto stream = co_await as_result(tunnel->h2->open(request));
    if (stream) {
      co_return OpenedStream{std::move(*stream), tunnel->peer};
    }
    if (stream.error().code != Errc::unavailable) {
      co_return fail(std::move(stream).error());
    }
    forget(tunnel);  // it is going away; another attempt takes another tunnel
    last = std::move(stream).error();
  }
  co_return fail(std::move(*last));
}

// Connections may stay for days, so nobody waits for another's end: a full tunnel gets a neighbour.
io::Task<Pool::TunnelPtr> Pool::tunnel_with_room(PodPtr pod, TunnelKey key) {
  for (;;) {
    if (stopped_) {
      co_return fail(Errc::unavailable, "the pod is being removed");
    }
    const TunnelPtr tunnel = pick(pod, key);
    co_await await_up(tunnel);
    if (tunnel->failure) {
      co_return fail(*tunnel->failure);
    }
    http::H2Connection& h2 = *tunnel->h2;
    if (h2.takes_streams() && h2.free_slots() == 0) {
      co_await h2.await_settings();  // what is known before them is a guess
    }
    if (!h2.takes_streams() || h2.free_slots() > 0) {
      co_return tunnel;
    }
    if (h2.stream_count() == 0) {
      co_return fail(Errc::unavailable,
                     fmt::format("{} allows no streams", to_string(tunnel->key.destination)));
    }
  }
}

io::Task<> Pool::await_up(TunnelPtr tunnel) {
  const Waiting waiting(*tunnel);
  while (tunnel->coming_up()) {
    co_await tunnel->changed.wait();
  }
}

// An idle tunnel is taken even if its peer allows no streams: another one would be no better.
bool Pool::has_room(const Tunnel& tunnel, std::size_t streams_max) {
  if (tunnel.h2 == nullptr || !tunnel.h2->takes_streams()) {
    return false;
  }
  const std::size_t streams = tunnel.h2->stream_count();
  return streams == 0 || (streams < streams_max && tunnel.h2->free_slots() > 0);
}

Pool::TunnelPtr Pool::pick(const PodPtr& pod, const TunnelKey& key) {
  auto& tunnels = tunnels_[key];
  // A peer that allows few streams on one tunnel will do so on the next, where it says it too late
  // for those who wait for that one to come up.
  std::size_t streams_max = kStreamsPerTunnel;
  for (const TunnelPtr& tunnel : tunnels) {
    if (tunnel->h2 != nullptr && tunnel->h2->settings_received()) {
      streams_max = std::min(streams_max, tunnel->h2->peer_streams_max());
    }
  }
  for (const TunnelPtr& tunnel : tunnels) {
    if (tunnel->coming_up() ? tunnel->waiting < streams_max : has_room(*tunnel, streams_max)) {
      return tunnel;
    }
  }
  auto tunnel = std::make_shared<Tunnel>();
  tunnel->key = key;
  tunnel->pod = pod;
  tunnels.push_back(tunnel);
  scope_.spawn(live(tunnel));
  return tunnel;
}

void Pool::forget(const TunnelPtr& tunnel) {
  const auto bucket = tunnels_.find(tunnel->key);
  if (bucket == tunnels_.end()) {
    return;
  }
  std::erase(bucket->second, tunnel);
  if (bucket->second.empty()) {
    tunnels_.erase(bucket);
  }
}

io::Task<> Pool::live(TunnelPtr tunnel) {
  auto up = co_await as_result(come_up(tunnel));
  if (!up) {
    tunnel->failure = std::move(up).error();
    forget(tunnel);
    tunnel->changed.notify_all();
    co_return;
  }
  tunnel->changed.notify_all();
  io::Scope idle(loop_, io::Scope::OnFailure::ignore);
  idle.spawn(close_when_idle(tunnel));
  (void)co_await as_result(tunnel->h2->run());  // its streams tell their owners what happened
  forget(tunnel);
  idle.cancel();
  (void)co_await as_result(idle.join());
}

io::Task<> Pool::come_up(TunnelPtr tunnel) {
  const TunnelKey& key = tunnel->key;
  const auto identity = co_await mesh_.identity(key.source);
  auto transport = co_await network_.dial(tunnel->pod, key.destination, key.source_ip);
  auto tls =
      co_await tls::connect_tls(loop_, std::move(transport), identity,
                                std::set<SpiffeId>(key.expected.begin(), key.expected.end()));
  tunnel->peer = tls->peer_identity();
  tunnel->h2 = std::make_unique<http::H2Connection>(loop_, std::move(tls), http::H2Role::client);
}

io::Task<> Pool::close_when_idle(TunnelPtr tunnel) {
  auto idle_since = loop_.now();
  for (;;) {
    co_await loop_.sleep(kIdleCheck);
    if (tunnel->h2->stream_count() > 0) {
      idle_since = loop_.now();
    } else if (loop_.now() - idle_since >= kIdleTunnelTimeout) {
      forget(tunnel);
      tunnel->h2->shutdown();
      co_return;
    }
  }
}

io::Task<> Pool::stop() {
  stopped_ = true;
  for (const auto& [key, tunnels] : tunnels_) {
    for (const TunnelPtr& tunnel : tunnels) {
      if (tunnel->h2 != nullptr) {
        tunnel->h2->shutdown();
      }
    }
  }
  // Cancels what has not ended by then, and waits for it.
  (void)co_await as_result(io::with_timeout(loop_, kStopLimit, "tunnels", join()));
}

io::Task<> Pool::join() {
  co_await scope_.join();
}

std::size_t Pool::tunnel_count() const {
  std::size_t count = 0;
  for (const auto& [key, tunnels] : tunnels_) {
    count += tunnels.size();
  }
  return count;
}

}  // namespace culvert::proxy
