// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/proxy/pod_proxy.h"

#include "ztunnel/proxy/inbound.h"
#include "ztunnel/proxy/limits.h"
#include "ztunnel/proxy/outbound.h"

namespace culvert::proxy {

PodProxy::PodProxy(Context& context, PodPtr pod)
    : context_(context),
      pod_(std::move(pod)),
      pool_(context.loop, context.network, context.mesh),
      retiring_(context.loop, kOnFailure),
      connections_(context.loop, kOnFailure) {
  listen();
}

void PodProxy::listen() {
  listening_ = std::make_unique<Listening>(context_.loop, pod_);
  for (const Role role : {Role::outbound, Role::inbound, Role::hbone}) {
    listening_->accepts.spawn(accept_all(pod_, role));
  }
}

io::Task<> PodProxy::accept_all(PodPtr pod, Role role) {
  for (;;) {
    auto accepted = co_await as_result(context_.network.accept(pod, role));
    if (!accepted) {
      const Error& error = accepted.error();
      if (error.code == Errc::cancelled) {
        co_return;
      }
      if (error.code != Errc::closed) {  // the client was gone before we came to it
        context_.offences.note(context_.loop.now(), "accept", "cannot accept connections",
                               {{"pod", pod->ns + "/" + pod->name}, {"error", error}});
        co_await context_.loop.sleep(kAcceptBackoff);
      }
      continue;
    }
    switch (role) {
      case Role::outbound:
        connections_.spawn(serve_outbound(context_, pool_, pod, std::move(*accepted)));
        break;
      case Role::inbound:
        connections_.spawn(serve_plaintext(context_, pod, std::move(*accepted)));
        break;
      case Role::hbone:
        connections_.spawn(serve_tunnel(context_, pod, std::move(*accepted)));
        break;
    }
  }
}

void PodProxy::replace(PodPtr pod) {
  pod_ = std::move(pod);
  auto old = std::move(listening_);
  if (old != nullptr) {
    retiring_.spawn(retire(std::move(old)));
  }
  listen();
}

io::Task<> PodProxy::retire(std::unique_ptr<Listening> old) {
  (void)co_await as_result(context_.loop.sleep(kOldListenerDrain));
  old->accepts.cancel();
  (void)co_await as_result(old->accepts.join());
}

void PodProxy::stop_accepting() {
  retiring_.cancel();
  if (listening_ != nullptr) {
    listening_->accepts.cancel();
  }
}

io::Task<> PodProxy::stop() {
  stop_accepting();
  (void)co_await as_result(retiring_.join());
  if (listening_ != nullptr) {
    (void)co_await as_result(listening_->accepts.join());
  }
  connections_.cancel();
  (void)co_await as_result(connections_.join());
  (void)co_await as_result(pool_.stop());
}

}  // namespace culvert::proxy
