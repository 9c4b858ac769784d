// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/run.h"

#include <fmt/format.h>

#include "tests/sim/events.h"
#include "tests/sim/invariants.h"
#include "tests/sim/limits.h"
#include "ztunnel/lib/io/timeout.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::sim {
namespace {

// A world that still turns after so many turns hangs: something runs without ever waiting.
constexpr int kTurnsMax = 3'000'000;
constexpr std::chrono::milliseconds kLook{50};

// The stage that hears the log's lines.
Stage* on_stage = nullptr;

const auto kLog =
    obs::setup({.level = "off,access=info,proxy=warn", .sink = [](std::string_view line) {
                  if (on_stage != nullptr) {
                    on_stage->hear(line);
                  }
                }});

bool all_done(const Stage& stage, bool idle_too) {
  for (const Flow& flow : stage.flows) {
    if ((idle_too || !flow.idle()) && flow.sides[kClient].present && !flow.done()) {
      return false;
    }
  }
  return true;
}

io::Task<> wait_for_flows(Stage& stage, io::Duration limit, bool idle_too) {
  const auto until = stage.loop().now() + limit;
  while (!all_done(stage, idle_too) && stage.loop().now() < until) {
    co_await stage.loop().sleep(kLook);
  }
}

io::Task<> drain_both(Stage& stage, io::Duration limit) {
  io::Scope drains(stage.loop());
  drains.spawn(drain(stage, 0, limit));
  drains.spawn(drain(stage, 1, limit));
  co_await drains.join();
}

void check_tunnels(Stage& stage, const std::string& when) {
  for (const Tunnel& tunnel : stage.tunnels) {
    if (!tunnel.link->over()) {
      stage.problem(fmt::format("a tunnel of {} to {} is still there {}", tunnel.source,
                                tunnel.destination, when));
    }
  }
}

io::Task<> act(Stage& stage, Script script) {
  io::Scope acting(stage.loop(), io::Scope::OnFailure::ignore);
  const auto began = stage.loop().now();
  acting.spawn(run_flows(stage, script));
  acting.spawn(run_events(stage, script));
  while (!acting.empty() && stage.loop().now() < began + kFlowMax) {
    co_await stage.loop().sleep(kLook);
  }
  co_await wait_for_flows(stage, kFlowMax - (stage.loop().now() - began), false);
  if (!all_done(stage, false)) {
    for (const Flow& flow : stage.flows) {
      if (!flow.idle() && flow.sides[kClient].present && !flow.done()) {
        stage.problem(fmt::format("flow {}: outlived every deadline", flow.number));
      }
    }
  }
  if (script.waits_for_idle) {
    co_await stage.loop().sleep(kIdleTunnelMax);
    check_tunnels(stage, "though it had no streams for so long");
  }
  co_await drain_both(stage, script.drain_limit);
  co_await wait_for_flows(stage, kLastBytesMax, true);
  check_tunnels(stage, "after the drains");
  check_flows(stage);
  acting.cancel();
  (void)co_await as_result(acting.join());
  stage.apps.cancel();
  (void)co_await as_result(stage.apps.join());
  stage.couriers.cancel();
  (void)co_await as_result(stage.couriers.join());
}

Totals totals_of(const Stage& stage) {
  Totals totals;
  totals.tunnels = stage.tunnels.size();
  for (const Flow& flow : stage.flows) {
    totals.connections += flow.sides[kClient].present ? 1 : 0;
    totals.whole += flow.whole() ? 1 : 0;
    for (const Side& side : flow.sides) {
      totals.resets += side.seen_end == End::rst ? 1 : 0;
      totals.bytes += side.received;
    }
  }
  return totals;
}

}  // namespace

void Totals::add(const Totals& other) {
  connections += other.connections;
  whole += other.whole;
  resets += other.resets;
  tunnels += other.tunnels;
  bytes += other.bytes;
}

Played play_seed(std::uint64_t seed, bool shows_trace) {
  Played played;
  const auto frames_before = io::frame_census().live;
  {
    io::SimLoop loop(seed);
    Stage stage(loop, seed, shows_trace);
    on_stage = &stage;
    const Script script = draw_script(stage);
    {
      io::Scope scope(loop);
      scope.spawn(act(stage, script));
      for (int turns = 0; !scope.empty(); ++turns) {
        if (turns == kTurnsMax || !loop.turn()) {
          stage.fatal(turns == kTurnsMax ? "something runs for ever"
                                         : "fibers wait, and nothing is left that could wake them");
        }
      }
    }
    on_stage = nullptr;
    played.totals = totals_of(stage);
    played.problems = std::move(stage.problems);
    played.trace = std::move(stage.lines);
  }
  if (const auto left = io::frame_census().live - frames_before; left != 0) {
    played.problems.push_back(fmt::format("{} coroutine frames leaked", left));
    fmt::print("sim: seed {}: {}\n", seed, played.problems.back());
  }
  return played;
}

}  // namespace culvert::sim
