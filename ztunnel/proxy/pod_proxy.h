// PodProxy: one pod on one worker: its accept fibers, its connections and its tunnels.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "ztunnel/lib/io/scope.h"
#include "ztunnel/proxy/context.h"
#include "ztunnel/proxy/pool.h"

namespace culvert::proxy {

class PodProxy {
 public:
  // Begins to accept at once. `context` must outlive it.
  PodProxy(Context& context, PodPtr pod);

  // replace serves the listeners of `pod`, the same pod, from now on. The old ones are served a
  // little longer, since handshakes may still end on them (limits.h, kOldListenerDrain).
  void replace(PodPtr pod);

  // stop_accepting leaves new connections to the queues of the listeners.
  void stop_accepting();

  // stop ends all connections and tunnels and waits for them; needed before destruction.
  io::Task<> stop();

  const PodPtr& pod() const { return pod_; }

 private:
  // The accept fibers of one set of listeners.
  struct Listening {
    Listening(io::Loop& loop, PodPtr of) : pod(std::move(of)), accepts(loop, kOnFailure) {}
    PodPtr pod;
    io::Scope accepts;
  };
  static constexpr auto kOnFailure = io::Scope::OnFailure::ignore;

  void listen();
  io::Task<> accept_all(PodPtr pod, Role role);
  io::Task<> retire(std::unique_ptr<Listening> old);

  Context& context_;
  PodPtr pod_;
  Pool pool_;
  std::unique_ptr<Listening> listening_;
  io::Scope retiring_;
  io::Scope connections_;
};

}  // namespace culvert::proxy
