// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/proxy/outbound.h"

#include <fmt/format.h>

#include "ztunnel/lib/policy/route.h"
#include "ztunnel/proxy/hbone.h"
#include "ztunnel/proxy/hbone_stream.h"
#include "ztunnel/proxy/outcome.h"

namespace culvert::proxy {
namespace {

// What phase 2 gives to phase 3.
struct Upstream {
  std::unique_ptr<net::Stream> stream;
  std::optional<SpiffeId> peer;
};

Result<> check_route(const policy::Route& route) {
  if (policy::is_refused(route.kind)) {
    const auto code = route.kind == policy::RouteKind::own_port ? Errc::denied : Errc::unavailable;
    return fail(code, route.message);
  }
  return {};
}

Facts facts_of(const PodPtr& pod, const Accepted& accepted) {
  Facts facts;
  facts.direction = obs::Direction::outbound;
  facts.pod = pod;
  facts.downstream = accepted.peer;
  facts.original = accepted.local;
  facts.actual = accepted.local;
  return facts;
}

// Phase 1: who is it, and where does the mesh say it goes?
io::Task<policy::Route> find_route(Context& context, Facts& facts) {
  facts.source = co_await context.mesh.own_workload(facts.pod);
  auto route = policy::route(context.mesh.snapshot(), *facts.source, facts.original, context.rng);
  facts.destination = route.workload;
  facts.service = route.service;
  if (!policy::is_refused(route.kind)) {
    facts.actual = route.address;
  }
  co_await check_route(route);
  co_return route;
}

// Phase 2: reach it. For HBONE that is a CONNECT on its way, not yet its answer.
io::Task<Upstream> reach(Context& context, Pool& pool, const Facts& facts, policy::Route route) {
  if (route.kind != policy::RouteKind::hbone) {
    co_return Upstream{co_await context.network.dial(facts.pod, route.address, facts.downstream.ip),
                       {}};
  }
  TunnelKey key{.source = facts.source->identity(),
                .expected = route.expected,
                .destination = route.address,
                .source_ip = facts.downstream.ip};
  auto request = connect_request(route, *facts.source, facts.downstream, context.rng);
  auto opened = co_await pool.open(facts.pod, key, request);
  auto stream = std::make_unique<HboneStream>(context.loop, pool, facts.pod, std::move(key),
                                              std::move(request), std::move(opened.stream));
  co_return Upstream{std::move(stream), std::move(opened.peer)};
}

}  // namespace

io::Task<> serve_outbound(Context& context, Pool& pool, PodPtr pod, Accepted accepted) {
  Facts facts = facts_of(pod, accepted);
  auto route = co_await as_result(find_route(context, facts));
  if (!route) {
    accepted.stream->reset();
    report_refused(context, facts, route.error());
    co_return;
  }
  auto upstream = co_await as_result(reach(context, pool, facts, *route));
  if (!upstream) {
    accepted.stream->reset();
    report_refused(context, facts, upstream.error());
    co_return;
  }
  if (upstream->peer) {
    facts.source_identity = facts.source->identity();
    facts.destination_identity = upstream->peer;
    facts.hbone = route->target;
  }
  // Phase 3: carry bytes. What the application sent early goes right behind the CONNECT.
  Connection connection(context.tracker, std::move(facts));
  auto carried = co_await as_result(connection.carry(*accepted.stream, *upstream->stream));
  if (!carried) {
    connection.failed(carried.error());
  }
}

}  // namespace culvert::proxy
