// The order of a pod's steps and of their undoing.
// SPDX-License-Identifier: Apache-2.0
#include "agent/enrol/enrolment.h"

#include <algorithm>

#include "tests/unit/agent/enrolment_bench.h"

namespace culvert::enrol {

TEST_CASE("a pod is captured last, when ztunnel serves it") {
  Bench bench;
  bench.enrolment->set_wanted({local_pod()}, true);
  REQUIRE(bench.add());
  CHECK(bench.diary.told() == kUp);
  CHECK(bench.enrolment->captured_uids() == std::set<std::string>{"u1"});
  CHECK(bench.enrolment->pods().front().state == "captured");
  CHECK(bench.changes == 1);
}

TEST_CASE("a step that fails undoes the ones before it in reverse order") {
  struct Row {
    const char* failing;
    const char* steps;
  };
  const Row rows[] = {
      {"set_up", "set_up"},
      {"listen", "set_up listen tear_down"},
      {"announce", "set_up listen announce withdraw tear_down"},
      {"capture", "set_up listen announce capture withdraw tear_down"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.failing);
    Bench bench;
    bench.enrolment->set_wanted({local_pod()}, true);
    bench.diary.failing = row.failing;
    const auto added = bench.add();
    REQUIRE(!added);
    CHECK(to_string(added.error()).starts_with("pod shop/cart (u1): "));
    CHECK(bench.diary.told() == row.steps);
    CHECK(bench.notices.failures == std::vector{"u1: " + to_string(added.error())});
    CHECK(bench.enrolment->pods().empty());
    CHECK(bench.enrolment->announced().empty());
    CHECK(read_records(bench.folder / kRecordsName)->empty());
  }
}

TEST_CASE("a pod that failed can be enrolled by asking again") {
  Bench bench;
  bench.enrolment->set_wanted({local_pod()}, true);
  bench.diary.failing = "announce";
  REQUIRE(!bench.add());
  bench.diary.failing = "";
  CHECK(bench.add());
}

TEST_CASE("the same pod again is success and does nothing") {
  Bench bench;
  bench.enrolment->set_wanted({local_pod()}, true);
  REQUIRE(bench.add());
  REQUIRE(bench.add());
  CHECK(bench.diary.told() == kUp);
}

TEST_CASE("a pod in a new sandbox leaves the old one first") {
  Bench bench;
  bench.enrolment->set_wanted({local_pod()}, true);
  REQUIRE(bench.add());
  bench.kernel.next_cookie = 8;
  REQUIRE(bench.add());
  CHECK(bench.diary.told() == std::string(kUp) + " " + kDown + " " + kUp);
}

TEST_CASE("a pod that the source does not know is refused with what to check") {
  Bench bench;
  bench.enrolment->set_wanted({}, true);
  const auto added = bench.add();
  REQUIRE(!added);
  CHECK(to_string(added.error()).find("is not known as a pod of node east") != std::string::npos);
  CHECK(bench.diary.told().empty());
}

TEST_CASE("a pod that the source learns of a little later is enrolled") {
  Bench bench;
  io::Scope scope(*bench.loop);
  scope.spawn([](Bench& b) -> io::Task<> {
    co_await b.loop->sleep(20ms);
    b.enrolment->set_wanted({local_pod()}, true);
  }(bench));
  CHECK(bench.add());
  CHECK(scope.empty());
}

TEST_CASE("a uid that belongs to another pod is refused") {
  Bench bench;
  auto other = local_pod();
  other.name = "till";
  bench.enrolment->set_wanted({other}, true);
  const auto added = bench.add();
  REQUIRE(!added);
  CHECK(to_string(added.error()).find("the uid belongs to another pod") != std::string::npos);
}

TEST_CASE("addresses that are still tentative are waited for") {
  Bench bench;
  bench.enrolment->set_wanted({local_pod()}, true);
  bench.kernel.tentative = 2;
  CHECK(bench.add());
}

TEST_CASE("a pod that is removed is undone in the order of correction 8, without a drain") {
  Bench bench;
  bench.enrolment->set_wanted({local_pod()}, true);
  REQUIRE(bench.add());
  bench.kernel.busy_connections = true;
  bench.diary.steps.clear();
  REQUIRE(io::block_on(*bench.loop, bench.enrolment->remove({.uid = "u1"})));
  CHECK(bench.diary.told() == kDown);
  CHECK(bench.enrolment->pods().empty());
  CHECK(read_records(bench.folder / kRecordsName)->empty());
  CHECK(io::block_on(*bench.loop, bench.enrolment->remove({.uid = "u1"})));  // once more is success
}

TEST_CASE("a pod whose label goes drains before its program is taken away") {
  Bench bench;
  bench.enrolment->set_wanted({local_pod()}, true);
  REQUIRE(bench.add());
  bench.diary.steps.clear();
  bench.kernel.busy_connections = true;
  bench.enrolment->set_wanted({}, true);
  bench.turn_for(50ms);
  CHECK(bench.diary.told() == "unmark end_capture");
  CHECK(bench.enrolment->pods().front().state == "draining");
  CHECK(bench.enrolment->captured_uids().empty());
  bench.enrolment->set_wanted({local_pod()}, true);  // the label comes back meanwhile
  CHECK(bench.enrolment->awaited_uids().empty());    // and its mark goes first all the same
  bench.enrolment->set_wanted({}, true);
  CHECK(bench.enrolment->announced().size() == 1);  // a ztunnel that restarts serves it on
  bench.kernel.busy_connections = false;
  bench.turn_for(300ms);
  CHECK(bench.diary.told() == "unmark " + std::string(kDown));
  CHECK(bench.enrolment->pods().empty());
}

TEST_CASE("a pod whose sandbox is gone or is replaced is awaited, and keeps its mark") {
  Bench bench;
  bench.enrolment->set_wanted({local_pod()}, true);
  CHECK(bench.enrolment->awaited_uids() == std::set<std::string>{"u1"});
  REQUIRE(bench.add());
  bench.diary.steps.clear();
  bench.kernel.next_cookie = 8;
  bench.announcer.meanwhile = [&] {
    CHECK(bench.enrolment->captured_uids().empty());
    CHECK(bench.enrolment->awaited_uids() == std::set<std::string>{"u1"});
  };
  REQUIRE(bench.add());
  CHECK(bench.diary.told() == std::string(kDown) + " " + kUp);
  REQUIRE(io::block_on(*bench.loop, bench.enrolment->remove({.uid = "u1"})));
  CHECK(bench.enrolment->captured_uids().empty());
  CHECK(bench.enrolment->awaited_uids() == std::set<std::string>{"u1"});
}

// Who deletes a pod by force takes its object away first.
TEST_CASE("a pod that drains because its object is gone is let go when its processes are") {
  Bench bench;
  bench.enrolment->set_wanted({local_pod()}, true);
  REQUIRE(bench.add());
  bench.kernel.busy_connections = true;
  bench.enrolment->set_wanted({}, true);
  bench.turn_for(50ms);
  REQUIRE(bench.enrolment->pods().front().state == "draining");
  const auto begun = std::chrono::steady_clock::now();
  CHECK(io::block_on(*bench.loop, bench.enrolment->remove({.uid = "u1"})));
  CHECK(std::chrono::steady_clock::now() - begun < 240ms);  // of the 300 that it would drain
  CHECK(bench.enrolment->pods().empty());
}

TEST_CASE("a pod whose label comes back is enrolled again where it was") {
  Bench bench;
  bench.enrolment->set_wanted({local_pod()}, true);
  REQUIRE(bench.add());
  bench.kernel.findable[1007] = 7;
  bench.enrolment->set_wanted({}, true);
  bench.turn_for(50ms);
  REQUIRE(bench.enrolment->pods().empty());
  bench.enrolment->set_wanted({local_pod()}, true);
  bench.turn_for(50ms);
  CHECK(bench.enrolment->captured_uids() == std::set<std::string>{"u1"});
}

TEST_CASE("a pod that runs already is found and enrolled, and its label alone takes it out again") {
  Bench bench;
  bench.kernel.running = {"u1"};
  bench.enrolment->adopt();
  bench.enrolment->set_wanted({running_pod()}, true);
  bench.turn_for(20ms);
  CHECK(bench.diary.told() == kUp);
  CHECK(bench.enrolment->captured_uids() == std::set<std::string>{"u1"});
  bench.enrolment->set_wanted({}, true);
  bench.turn_for(50ms);
  CHECK(bench.enrolment->pods().empty());
}

TEST_CASE("no running pod is looked for before adoption, which may find it enrolled already") {
  Bench bench;
  bench.kernel.running = {"u1"};
  bench.enrolment->set_wanted({running_pod()}, true);
  bench.turn_for(20ms);
  CHECK(bench.diary.told().empty());
}

TEST_CASE("a pod without an address has no sandbox yet and is left to its report") {
  Bench bench;
  bench.kernel.running = {"u1"};
  bench.enrolment->adopt();
  bench.enrolment->set_wanted({local_pod()}, true);
  bench.turn_for(20ms);
  CHECK(bench.diary.told().empty());
}

TEST_CASE("a pod whose processes are found late is enrolled by a later comparison") {
  Bench bench;
  bench.enrolment->adopt();
  bench.enrolment->set_wanted({running_pod()}, true);
  bench.turn_for(20ms);
  CHECK(bench.diary.told().empty());
  bench.kernel.running = {"u1"};
  bench.enrolment->compare();
  bench.turn_for(20ms);
  CHECK(bench.diary.told() == kUp);
}

TEST_CASE("a running pod that can't be enrolled is told of and tried again until it can") {
  Bench bench;
  bench.kernel.running = {"u1"};
  bench.diary.failing = "announce";
  bench.enrolment->adopt();
  bench.enrolment->set_wanted({running_pod()}, true);
  bench.turn_for(20ms);
  REQUIRE(bench.enrolment->problems().size() == 1);
  CHECK(bench.enrolment->problems()[0].starts_with("pod shop/cart (u1): "));
  bench.diary.failing = "";
  bench.enrolment->compare();
  bench.turn_for(20ms);
  CHECK(bench.enrolment->problems().empty());
  CHECK(bench.enrolment->captured_uids() == std::set<std::string>{"u1"});
}

TEST_CASE("a pod that is not wanted any more is no problem any more") {
  Bench bench;
  bench.kernel.running = {"u1"};
  bench.diary.failing = "listen";
  bench.enrolment->adopt();
  bench.enrolment->set_wanted({running_pod()}, true);
  bench.turn_for(20ms);
  CHECK(bench.enrolment->problems().size() == 1);
  bench.enrolment->set_wanted({}, true);
  CHECK(bench.enrolment->problems().empty());
}

TEST_CASE("a pod that dies while it is enrolled is undone, and others are left alone") {
  auto other = running_pod();
  other.uid = "u2";
  other.name = "till";
  for (const std::string failing : {"", "announce", "capture"}) {  // "": its netns lives longer
    CAPTURE(failing);
    Bench bench;
    bench.kernel.running = {"u2"};
    bench.enrolment->adopt();
    bench.enrolment->set_wanted({other}, true);
    bench.turn_for(20ms);
    REQUIRE(bench.enrolment->captured_uids() == std::set<std::string>{"u2"});
    bench.diary.steps.clear();
    bench.kernel.next_cookie = 8;
    bench.kernel.running = {"u1", "u2"};
    bench.announcer.meanwhile = [&] {
      bench.kernel.running = {"u2"};
      bench.diary.failing = failing;
      bench.enrolment->set_wanted({other}, true);
    };
    bench.enrolment->set_wanted({running_pod(), other}, true);
    bench.turn_for(500ms);
    bench.enrolment->compare();
    bench.enrolment->set_wanted({other}, true);  // as the agent does after each enrolment
    bench.turn_for(500ms);
    CHECK(bench.diary.told().ends_with("withdraw tear_down"));
    CHECK(std::ranges::count(bench.diary.steps, "announce") == 1);  // it is not tried again
    CHECK(bench.notices.failures.size() == (failing.empty() ? 0 : 1));
    CHECK((failing.empty() || bench.notices.failures[0].contains("pod shop/cart (u1): ")));
    CHECK(bench.enrolment->problems().empty());
    CHECK(bench.enrolment->captured_uids() == std::set<std::string>{"u2"});
  }
}

TEST_CASE("a pod that an incomplete source does not name stays") {
  Bench bench;
  bench.enrolment->set_wanted({local_pod()}, true);
  REQUIRE(bench.add());
  bench.enrolment->set_wanted({}, false);
  bench.turn_for(50ms);
  CHECK(bench.enrolment->captured_uids() == std::set<std::string>{"u1"});
}

TEST_CASE("an agent that starts again adopts its pods with fresh listeners in place") {
  Bench bench;
  bench.enrolment->set_wanted({local_pod()}, true);
  REQUIRE(bench.add());
  bench.diary.steps.clear();
  bench.kernel.findable[1007] = 7;
  bench.restart();
  bench.enrolment->set_wanted({local_pod()}, true);
  CHECK(bench.enrolment->adopt().empty());
  CHECK(bench.diary.told() == "set_up listen capture");
  CHECK(bench.enrolment->announced().size() == 1);
  CHECK(bench.enrolment->captured_uids() == std::set<std::string>{"u1"});
}

TEST_CASE("a pod that nobody wants any more is un-enrolled at start") {
  Bench bench;
  bench.enrolment->set_wanted({local_pod()}, true);
  REQUIRE(bench.add());
  bench.diary.steps.clear();
  bench.kernel.findable[1007] = 7;
  bench.restart();
  bench.enrolment->set_wanted({}, true);
  CHECK(bench.enrolment->adopt().empty());
  CHECK(bench.diary.told() == "end_capture end_steering tear_down");
  CHECK(bench.enrolment->captured_uids().empty());
}

TEST_CASE("a pod whose netns nothing leads to stays captured, is told of, and is tried again") {
  Bench bench;
  bench.enrolment->set_wanted({local_pod()}, true);
  REQUIRE(bench.add());
  bench.diary.steps.clear();
  bench.restart();
  bench.enrolment->set_wanted({local_pod()}, true);
  CHECK(bench.enrolment->adopt().empty());
  const auto problems = bench.enrolment->problems();
  REQUIRE(problems.size() == 1);
  CHECK(problems.front().starts_with("pod shop/cart stays captured"));
  CHECK(bench.diary.told().empty());
  CHECK(bench.enrolment->captured_uids() == std::set<std::string>{"u1"});

  bench.kernel.findable[1007] = 7;
  bench.enrolment->compare();
  bench.turn_for(20ms);
  CHECK(bench.diary.told() == "set_up listen capture announce");
  CHECK(bench.enrolment->announced().size() == 1);
  CHECK(bench.enrolment->problems().empty());
}

TEST_CASE("what someone took out of the kernel is put back") {
  Bench bench;
  bench.enrolment->set_wanted({local_pod()}, true);
  REQUIRE(bench.add());
  bench.diary.steps.clear();
  bench.enrolment->compare();
  CHECK(bench.diary.told().empty());
  bench.kernel.held_pods.clear();
  bench.enrolment->compare();
  CHECK(bench.diary.told() == "set_up capture");
}

TEST_CASE("an agent that ends in the middle of a drain leaves the pod to the next one") {
  Bench bench;
  bench.enrolment->set_wanted({local_pod()}, true);
  REQUIRE(bench.add());
  bench.kernel.busy_connections = true;
  bench.enrolment->set_wanted({}, true);
  bench.turn_for(20ms);
  bench.diary.steps.clear();
  bench.stop();
  CHECK(read_records(bench.folder / kRecordsName)->size() == 1);
}

TEST_CASE("certificates are for pods that are wanted here or enrolled") {
  Bench bench;
  const SpiffeId id = local_pod().identity();
  CHECK(!bench.enrolment->has_identity(id));
  bench.enrolment->set_wanted({local_pod()}, true);
  CHECK(bench.enrolment->has_identity(id));
  CHECK(!bench.enrolment->has_identity({"cluster.local", "shop", "other"}));
}

}  // namespace culvert::enrol
