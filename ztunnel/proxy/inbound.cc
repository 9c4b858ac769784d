// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/proxy/inbound.h"

#include <fmt/format.h>

#include "ztunnel/lib/http/h2_connection.h"
#include "ztunnel/lib/io/scope.h"
#include "ztunnel/lib/io/timeout.h"
#include "ztunnel/lib/net/proxy_header.h"
#include "ztunnel/lib/tls/stream.h"
#include "ztunnel/proxy/hbone.h"
#include "ztunnel/proxy/limits.h"
#include "ztunnel/proxy/outcome.h"

namespace culvert::proxy {
namespace {

// Who is at the other end of a tunnel.
struct TunnelPeer {
  PodPtr pod;
  SocketAddress client;
  SocketAddress local;
  SpiffeId identity;
};

io::Task<> serve_streams(Context& context, http::H2Connection& h2, TunnelPeer peer);
io::Task<> serve_stream(Context& context, TunnelPeer peer, std::unique_ptr<http::H2Stream> stream);

io::Task<> join(io::Scope& scope) {
  co_await scope.join();
}

io::Task<> run_tunnel(http::H2Connection& h2, std::optional<Result<>>& ended) {
  ended.emplace(co_await as_result(h2.run()));
}

// Says GOAWAY when the drain begins; the streams may end in their own time.
io::Task<> drain_when_asked(Context& context, http::H2Connection& h2) {
  while (!context.draining) {
    co_await context.drain_began.wait();
  }
  co_await h2.drain();
}

Facts inbound_facts(const PodPtr& pod, const SocketAddress& client, const SocketAddress& local) {
  Facts facts;
  facts.direction = obs::Direction::inbound;
  facts.pod = pod;
  facts.downstream = client;
  facts.original = local;
  facts.actual = local;
  return facts;
}

// A handshake that failed; of a peer that is known by its address alone.
void report_handshake(Context& context, const Facts& facts, const Error& cause) {
  if (cause.code == Errc::cancelled) {
    return;  // the pod or the process is going
  }
  const auto error = prefixed(fmt::format("handshake of {}", to_string(facts.downstream)), cause);
  const std::initializer_list<obs::Field> fields = {
      {"src.addr", facts.downstream}, {"dst.addr", facts.original}, {"error", error}};
  if (const auto offence = offence_of(TunnelPhase::handshake, error)) {
    context.offences.report(context.loop.now(), *offence, "tunnel refused", fields);
  } else {
    context.offences.note(context.loop.now(), name(error.code), "tunnel refused", fields);
  }
  obs::count_failure(context.tracker.metrics(), labels_of(facts, outcome_of(error).flag));
}

// What a peer that has proved who it is did in its tunnel.
void report_offence(Context& context, const TunnelPeer& peer, Offence offence, const Error& error) {
  context.offences.report(context.loop.now(), offence,
                          offence == Offence::request ? "connect refused" : "tunnel ended",
                          {{"src.addr", peer.client},
                           {"src.identity", to_string(peer.identity)},
                           {"dst.addr", peer.local},
                           {"error", error}});
}

// May the connection of `facts` go on? Asked before the application is connected, and again after,
// because the policy may have changed meanwhile.
Result<> check_policy(Context& context, const Facts& facts) {
  const auto verdict = verdict_on(facts, context.mesh.snapshot());
  if (!verdict.allow) {
    return fail(Errc::denied, verdict.reason);
  }
  return {};
}

// The header that goes before the client's bytes, if the workload's application wants one.
using MaybeHeader = std::optional<net::ProxyHeader>;

// Phase 2 of a stream: what does the peer want, and may it?
io::Task<MaybeHeader> admit_stream(Context& context, const http::H2Stream& stream,
                                   const TunnelPeer& peer, Facts& facts) {
  const auto request = co_await parse_connect(stream.request());
  facts.destination = co_await context.mesh.own_workload(peer.pod);
  facts.destination_identity = facts.destination->identity();
  const auto& snapshot = context.mesh.snapshot();
  const auto target = co_await policy::inbound_target(snapshot, *facts.destination, peer.local.ip,
                                                      request.authority);
  facts.actual = target.address;
  facts.hbone = target.address;
  facts.service = target.service != nullptr
                      ? target.service
                      : policy::destination_service(snapshot, *facts.destination,
                                                    target.address.port, request.forwarded_host);
  facts.source = snapshot.workload_by_ip(facts.destination->network, peer.client.ip);
  if (facts.source == nullptr || facts.source->identity() != peer.identity) {
    facts.source = workload_from_baggage(request.baggage, peer.identity);
  }
  co_await check_policy(context, facts);
  MaybeHeader header;
  if (target.proxied) {
    header.emplace(peer.client, *target.proxied, to_string(peer.identity));
  }
  co_return header;
}

// Phase 3: the application, from the client's own address; or through the pod's loopback, where
// nobody else can reach it, if a PROXY header is to say who the client is (as Istio's ztunnel does,
// LOCALHOST_APP_TUNNEL).
io::Task<std::unique_ptr<net::Stream>> reach_application(Context& context, const Facts& facts,
                                                         bool through_loopback) {
  SocketAddress to = facts.actual;
  IpAddress client = facts.downstream.ip;
  if (through_loopback) {
    to.ip = to.ip.is_v4() ? IpAddress::loopback_v4() : IpAddress::loopback_v6();
    client = to.ip;
  }
  auto application = co_await context.network.deliver(facts.pod, to, client);
  auto still_allowed = check_policy(context, facts);
  if (!still_allowed) {
    application->reset();
  }
  co_await std::move(still_allowed);
  co_return application;
}

}  // namespace

io::Task<> serve_tunnel(Context& context, PodPtr pod, Accepted accepted) {
  // Phase 1: who is it? The identity that we show is the pod's own.
  const auto handshake =
      [](Context& shared, PodPtr of,
         std::unique_ptr<net::Stream> transport) -> io::Task<std::unique_ptr<tls::TlsStream>> {
    const auto own = co_await shared.mesh.own_workload(of);
    const auto identity = co_await shared.mesh.identity(own->identity());
    co_return co_await tls::accept_tls(shared.loop, std::move(transport), identity);
  };
  auto tls = co_await as_result(handshake(context, pod, std::move(accepted.stream)));
  if (!tls) {
    const auto facts = inbound_facts(pod, accepted.peer, accepted.local);
    report_handshake(context, facts, tls.error());
    co_return;
  }
  TunnelPeer peer{pod, accepted.peer, accepted.local, (*tls)->peer_identity()};
  http::H2Options options = context.inbound_http;
  options.on_refused = [&context, &peer](const Error& error) {
    report_offence(context, peer, Offence::request, error);
  };
  http::H2Connection h2(context.loop, std::move(*tls), http::H2Role::server, std::move(options));
  std::optional<Result<>> ended;
  io::Scope tunnel(context.loop, io::Scope::OnFailure::ignore);
  io::Scope drain(context.loop, io::Scope::OnFailure::ignore);
  tunnel.spawn(run_tunnel(h2, ended));
  drain.spawn(drain_when_asked(context, h2));
  (void)co_await as_result(serve_streams(context, h2, peer));
  drain.cancel();
  (void)co_await as_result(drain.join());
  h2.shutdown();  // harmless where the peer has ended it; says GOAWAY where we were cancelled
  // A GOAWAY that says what the peer did wrong must not be lost to our own haste.
  (void)co_await as_result(
      io::with_timeout(context.loop, kTunnelEndLimit, "the tunnel's end", join(tunnel)));
  if (ended && !*ended) {
    if (const auto offence = offence_of(TunnelPhase::http2, ended->error())) {
      report_offence(context, peer, *offence, ended->error());
    }
  }
}

namespace {

io::Task<> serve_streams(Context& context, http::H2Connection& h2, TunnelPeer peer) {
  io::Scope streams(context.loop, io::Scope::OnFailure::ignore);
  for (;;) {
    auto stream = co_await as_result(h2.accept());
    if (!stream || *stream == nullptr) {
      break;
    }
    streams.spawn(serve_stream(context, peer, std::move(*stream)));
  }
  co_await streams.join();
}

io::Task<> serve_stream(Context& context, TunnelPeer peer, std::unique_ptr<http::H2Stream> stream) {
  Facts facts = inbound_facts(peer.pod, peer.client, peer.local);
  facts.source_identity = peer.identity;
  auto admitted = co_await as_result(admit_stream(context, *stream, peer, facts));
  if (!admitted) {
    report_refused(context, facts, admitted.error());
    (void)co_await as_result(
        stream->respond(outcome_of(admitted.error()).connect_status, {}, /* end_stream= */ true));
    co_return;
  }
  const MaybeHeader header = *std::move(admitted);
  auto application = co_await as_result(reach_application(context, facts, header.has_value()));
  if (!application) {
    report_refused(context, facts, application.error());
    (void)co_await as_result(stream->respond(outcome_of(application.error()).connect_status, {},
                                             /* end_stream= */ true));
    co_return;
  }
  Connection connection(context.tracker, std::move(facts));
  auto answered = co_await as_result(
      stream->respond(200, {{"baggage", baggage_of(*connection.facts().destination)}}));
  if (answered && header) {
    const auto bytes = encode_proxy_header(*header);  // a fresh socket takes so few at once
    answered = co_await as_result((*application)->write_all(bytes));
  }
  if (!answered) {
    (*application)->reset();
    connection.failed(answered.error());
    co_return;
  }
  // Phase 4: carry bytes.
  auto carried = co_await as_result(connection.carry(*stream, **application));
  if (!carried) {
    connection.failed(carried.error());
  }
}

// Phase 1 and 2 of a plaintext connection: it has no identity, so policy alone decides.
io::Task<> admit_plaintext(Context& context, Facts& facts) {
  facts.destination = co_await context.mesh.own_workload(facts.pod);
  const auto& snapshot = context.mesh.snapshot();
  facts.source = snapshot.workload_by_ip(facts.destination->network, facts.downstream.ip);
  facts.service = policy::destination_service(snapshot, *facts.destination, facts.actual.port, "");
  if (policy::is_own_port(facts.actual.port)) {
    co_await fail(Errc::denied, fmt::format("port {} is the mesh's own", facts.actual.port));
  }
  co_await check_policy(context, facts);
}

}  // namespace

io::Task<> serve_plaintext(Context& context, PodPtr pod, Accepted accepted) {
  Facts facts = inbound_facts(pod, accepted.peer, accepted.local);
  auto admitted = co_await as_result(admit_plaintext(context, facts));
  if (!admitted) {
    accepted.stream->reset();
    report_refused(context, facts, admitted.error());
    co_return;
  }
  auto application =
      co_await as_result(reach_application(context, facts, /* through_loopback= */ false));
  if (!application) {
    accepted.stream->reset();
    report_refused(context, facts, application.error());
    co_return;
  }
  Connection connection(context.tracker, std::move(facts));
  auto carried = co_await as_result(connection.carry(*accepted.stream, **application));
  if (!carried) {
    connection.failed(carried.error());
  }
}

}  // namespace culvert::proxy
