// A drain on the stage, in the one order of events that the seeds meet too seldom.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "tests/sim/apps.h"
#include "tests/sim/limits.h"
#include "tests/sim/stage.h"

namespace culvert::sim {
namespace {

using std::chrono::milliseconds;

// The tunnel of pod 0 is stalled, so that its goodbye takes as long as it may; meanwhile the pod
// goes.
io::Task<> remove_while_stopping(Stage& stage) {
  Flow& flow = stage.flows.emplace_back();
  flow.source = 0;
  flow.destination = 2;
  flow.sides[kClient].plan.end = End::none;
  flow.sides[kServer].plan.end = End::none;
  stage.apps.spawn(run_client(stage, flow));
  co_await stage.loop().sleep(std::chrono::seconds(1));
  CHECK(flow.sides[kServer].present);
  stage.tunnels.at(0).link->stall();
  stage.node(0).share.drain(milliseconds(0));
  co_await stage.loop().sleep(milliseconds(500));
  CHECK(!stage.node(0).life.empty());
  stage.remove_pod(0);
  stage.remove_pod(1);
  stage.node(1).share.drain(milliseconds(0));
  co_await stage.loop().sleep(kDrainSlack);
  CHECK(stage.node(0).life.empty());
  CHECK(stage.node(1).life.empty());
  stage.apps.cancel();
  (void)co_await as_result(stage.apps.join());
  stage.couriers.cancel();
  (void)co_await as_result(stage.couriers.join());
}

}  // namespace

TEST_CASE("a pod that goes while its node drains is stopped once") {
  io::SimLoop loop(1);
  Stage stage(loop, 1, false);
  CHECK(io::block_on(loop, remove_while_stopping(stage)).has_value());
}

}  // namespace culvert::sim
