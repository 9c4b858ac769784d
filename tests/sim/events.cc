// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/events.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/sim/apps.h"
#include "tests/sim/cast.h"
#include "tests/sim/limits.h"

namespace culvert::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kDrainLook{20};
constexpr seconds kPlayTime{2};  // flows begin and events happen within it

Plan draw_plan(Stage& stage) {
  Plan plan;
  // Most are small, as connections are; a few are larger than every window on the way.
  const auto size = stage.between(0, 39);
  plan.bytes = size < 4    ? 0
               : size < 30 ? stage.between(1, 1'500)
               : size < 39 ? stage.between(1'500, 20'000)
                           : stage.between(100'000, 250'000);
  plan.chunk_bytes = stage.between(std::max<std::size_t>(plan.bytes / 6, 1), plan.bytes + 1);
  if (stage.chance(30)) {
    plan.write_pause = microseconds(stage.between(0, 50'000));
  }
  if (stage.chance(plan.bytes > 20'000 ? 50 : 15)) {
    plan.read_pause = microseconds(stage.between(0, 30'000));
  }
  return plan;
}

void draw_flow(Stage& stage, Flow& flow, bool may_idle) {
  flow.source = stage.chance(10) ? kOutsider : stage.between(0, kPods - 1);
  do {
    flow.destination = stage.between(0, kPods - 1);
  } while (flow.destination == flow.source);
  if (flow.source != kOutsider && stage.chance(8)) {
    flow.destination = kOutsideServer;
  }
  flow.sides[kClient].plan = draw_plan(stage);
  flow.sides[kServer].plan = draw_plan(stage);
  auto& client = flow.sides[kClient].plan.end;
  auto& server = flow.sides[kServer].plan.end;
  const auto kind = stage.between(0, 9);
  if (kind < 4) {
    server = End::none;  // answers the client's FIN with its own
  } else if (kind < 5) {
    client = End::none;
  } else if (kind < 6) {
    client = End::rst;
  } else if (kind < 7) {
    server = End::rst;
    client = End::none;
  } else if (kind < 8 && may_idle) {
    client = End::none;
    server = End::none;
  }
}

io::Task<> begin_flow(Stage& stage, Flow& flow, io::Duration when) {
  co_await stage.loop().sleep(when);
  co_await run_client(stage, flow);
}

io::Duration moment(Stage& stage) {
  return microseconds(stage.between(0, std::chrono::microseconds(kPlayTime).count()));
}

// The change reaches each node in its own time.
io::Task<> publish_soon(Stage& stage) {
  const std::size_t first = stage.between(0, 1);
  co_await stage.loop().sleep(microseconds(stage.between(0, 200'000)));
  stage.publish(first);
  stage.trace(fmt::format("node {} knows the newest mesh", first));
  co_await stage.loop().sleep(microseconds(stage.between(0, 200'000)));
  stage.publish(1 - first);
  stage.trace(fmt::format("node {} knows the newest mesh", 1 - first));
}

io::Task<> deny_for_a_while(Stage& stage) {
  const std::size_t source = stage.chance(15) ? kOutsider : stage.between(0, kPods - 1);
  stage.trace(fmt::format("event: {} is denied", source));
  stage.deny(source);
  // From here on, until everyone knows that it is over.
  stage.disturb({}, seconds(10), source);
  co_await publish_soon(stage);
  co_await stage.loop().sleep(microseconds(stage.between(0, 1'000'000)));
  stage.trace(fmt::format("event: {} is allowed again", source));
  stage.allow(source);
  co_await publish_soon(stage);
}

io::Task<> remove_record_for_a_while(Stage& stage) {
  const std::size_t pod = stage.between(0, kPods - 1);
  stage.trace(fmt::format("event: the mesh forgets {}", pod));
  stage.remove_record(pod);
  stage.disturb({}, seconds(20), pod);
  stage.disturb({}, seconds(20), {}, pod);
  stage.quiet_inbound = false;
  co_await publish_soon(stage);
  co_await stage.loop().sleep(microseconds(stage.between(0, 8'000'000)));
  stage.trace(fmt::format("event: the mesh knows {} again", pod));
  stage.put_record(pod);
  co_await publish_soon(stage);
}

io::Task<> remove_pod_for_a_while(Stage& stage) {
  const std::size_t pod = stage.between(0, kPods - 1);
  if (!stage.pod_present[pod]) {
    co_return;
  }
  stage.trace(fmt::format("event: the pod {} goes", pod));
  stage.disturb({}, seconds(20), pod);
  stage.disturb({}, seconds(20), {}, pod);
  stage.quiet_inbound = false;
  stage.remove_pod(pod);
  co_await stage.loop().sleep(microseconds(stage.between(0, 3'000'000)));
  stage.trace(fmt::format("event: the pod {} comes again", pod));
  stage.put_pod(pod);
}

// A new certificate disturbs nobody; neither does one that comes a little later.
io::Task<> rotate(Stage& stage) {
  const std::size_t pod = stage.between(0, kPods - 1);
  if (stage.chance(30)) {
    stage.trace(fmt::format("event: the certificate of {} is gone", pod));
    stage.set_identity(pod, std::nullopt);
    co_await stage.loop().sleep(microseconds(stage.between(0, 3'000'000)));
  }
  stage.trace(fmt::format("event: {} has a new certificate", pod));
  stage.set_identity(pod, stage.between(0, kCertificates - 1));
}

// New listeners for the same pod, as after a restart of the agent: nobody is disturbed.
io::Task<> replace_pod(Stage& stage) {
  const std::size_t pod = stage.between(0, kPods - 1);
  if (stage.pod_present[pod]) {
    stage.trace(fmt::format("event: {} has new listeners", pod));
    stage.put_pod(pod);
  }
  co_return;
}

io::Task<> break_tunnel(Stage& stage) {
  if (stage.tunnels.empty()) {
    co_return;
  }
  const auto index = stage.between(0, stage.tunnels.size() - 1);
  const auto link = stage.tunnels[index].link;
  const auto source = stage.tunnels[index].source;
  const auto destination = stage.tunnels[index].destination;
  if (link->over()) {
    co_return;
  }
  stage.quiet_inbound = false;
  if (stage.chance(50)) {
    stage.trace(fmt::format("event: a tunnel of {} to {} is cut", source, destination));
    stage.disturb({}, seconds(1), source, destination);
    link->cut();
    co_return;
  }
  stage.trace(fmt::format("event: a tunnel of {} to {} stalls", source, destination));
  stage.disturb({}, kStalledTunnelMax, source, destination);
  link->stall();
  co_await stage.loop().sleep(kStalledTunnelMax);
  if (!link->over()) {
    stage.problem(fmt::format("a stalled tunnel of {} to {} was not given up in {} s", source,
                              destination, kStalledTunnelMax.count()));
  }
}

io::Task<> drain_early(Stage& stage, io::Duration limit) {
  co_await drain(stage, stage.between(0, kNodes - 1), limit);
}

io::Task<> one_event(Stage& stage, Script script) {
  co_await stage.loop().sleep(moment(stage));
  switch (stage.between(0, 7)) {
    case 0: co_await deny_for_a_while(stage); break;
    case 1: co_await remove_record_for_a_while(stage); break;
    case 2: co_await remove_pod_for_a_while(stage); break;
    case 3: co_await rotate(stage); break;
    case 4: co_await replace_pod(stage); break;
    case 5: co_await break_tunnel(stage); break;
    case 6: co_await drain_early(stage, script.drain_limit); break;
    default: co_await deny_for_a_while(stage); break;
  }
}

}  // namespace

Script draw_script(Stage& stage) {
  Script script;
  script.flows = stage.between(1, 6);
  script.events = stage.chance(35) ? 0 : stage.between(1, 4);
  script.idle_flows = stage.chance(40);
  script.waits_for_idle = !script.idle_flows && stage.chance(20);
  script.drain_limit = milliseconds(stage.between(0, 3'000));
  stage.denies_by_address = stage.chance(50);
  stage.slow_percent = stage.chance(30) ? 50 : 0;
  stage.refuse_percent = script.events > 0 && stage.chance(30) ? 15 : 0;
  return script;
}

io::Task<> run_flows(Stage& stage, Script script) {
  io::Scope playing(stage.loop(), io::Scope::OnFailure::ignore);
  for (std::uint64_t number = 0; number < script.flows; ++number) {
    Flow& flow = stage.flows.emplace_back();
    flow.number = number;
    draw_flow(stage, flow, script.idle_flows);
    (flow.idle() ? stage.apps : playing).spawn(begin_flow(stage, flow, moment(stage)));
  }
  auto ended = co_await as_result(playing.join());
  co_await std::move(ended);
}

io::Task<> run_events(Stage& stage, Script script) {
  io::Scope happening(stage.loop(), io::Scope::OnFailure::ignore);
  for (std::uint64_t number = 0; number < script.events; ++number) {
    happening.spawn(one_event(stage, script));
  }
  auto ended = co_await as_result(happening.join());
  co_await std::move(ended);
}

io::Task<> drain(Stage& stage, std::size_t index, io::Duration limit) {
  Stage::Node& node = stage.node(index);
  if (node.draining) {
    co_return;
  }
  stage.trace(fmt::format("event: the node {} drains", index));
  node.draining = true;
  stage.quiet_inbound = false;
  const auto began = stage.loop().now();
  for (const std::size_t pod : {2 * index, 2 * index + 1}) {
    stage.disturb({}, std::chrono::hours(1), pod);
    stage.disturb({}, std::chrono::hours(1), {}, pod);
  }
  node.share.drain(limit);
  while (!node.life.empty()) {
    if (stage.loop().now() > began + limit + kDrainSlack) {
      stage.fatal(fmt::format("node {}: the drain did not end within its limit", index));
    }
    co_await stage.loop().sleep(kDrainLook);
  }
  const auto took = std::chrono::duration_cast<milliseconds>(stage.loop().now() - began);
  stage.trace(fmt::format("node {}: drained in {} ms", index, took.count()));
  for (const std::size_t pod : {2 * index, 2 * index + 1}) {
    stage.pod_present[pod] = false;
    stage.reset_queued(pod);
  }
}

}  // namespace culvert::sim
