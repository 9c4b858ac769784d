// Pool: the tunnels of one pod on one worker. Streams share them; a tunnel that is being made is
// waited for by all who want it, and if it fails, all fail at once with its cause.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "ztunnel/lib/http/h2_connection.h"
#include "ztunnel/lib/io/event.h"
#include "ztunnel/lib/io/scope.h"
#include "ztunnel/proxy/mesh_view.h"
#include "ztunnel/proxy/network.h"

namespace culvert::proxy {

// TunnelKey is what connections must have in common to share a tunnel: nothing that a policy of the
// peer may look at differs within one.
struct TunnelKey {
  SpiffeId source;
  std::vector<SpiffeId> expected;  // the peer proves one of these
  SocketAddress destination;       // podIP:15008
  IpAddress source_ip;
  auto operator<=>(const TunnelKey&) const = default;
};

struct OpenedStream {
  std::unique_ptr<http::H2Stream> stream;
  SpiffeId peer;  // which of the expected it proved
};

class Pool {
 public:
  Pool(io::Loop& loop, Network& network, MeshView& mesh)
      : loop_(loop), network_(network), mesh_(mesh), scope_(loop, io::Scope::OnFailure::ignore) {}

  // open starts a stream on a tunnel of `key`, made from inside `pod` if there is none with room.
  // Does not wait for the peer's answer. Fails with what kept the tunnel from coming up.
  io::Task<OpenedStream> open(PodPtr pod, TunnelKey key, http::HeaderList request);

  // stop says GOAWAY on all tunnels and waits until they have ended; needed before destruction.
  io::Task<> stop();

  std::size_t tunnel_count() const;

 private:
  struct Tunnel;
  using TunnelPtr = std::shared_ptr<Tunnel>;

  class Waiting;

  io::Task<TunnelPtr> tunnel_with_room(PodPtr pod, TunnelKey key);
  io::Task<> await_up(TunnelPtr tunnel);
  static bool has_room(const Tunnel& tunnel, std::size_t streams_max);
  TunnelPtr pick(const PodPtr& pod, const TunnelKey& key);
  void forget(const TunnelPtr& tunnel);
  io::Task<> live(TunnelPtr tunnel);
  io::Task<> come_up(TunnelPtr tunnel);
  io::Task<> close_when_idle(TunnelPtr tunnel);
  io::Task<> join();

  io::Loop& loop_;
  Network& network_;
  MeshView& mesh_;
  std::map<TunnelKey, std::vector<TunnelPtr>> tunnels_;
  bool stopped_ = false;
  io::Scope scope_;
};

}  // namespace culvert::proxy
