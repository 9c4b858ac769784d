// What is written into the cluster, and when, with writes that fail.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>

#include "agent/cluster/cluster_notices.h"
#include "agent/mesh/redirection_annotation.h"
#include "tests/support/sim.h"

namespace culvert::cluster {

namespace {

using namespace std::chrono_literals;
using Written = std::vector<std::string>;

mesh::LocalPod pod(const std::string& uid) {
  return {.uid = uid, .ns = "shop", .name = "cart-" + uid};
}

// Notes each write with the second in which it was made.
class FakeWriter final : public ClusterWriter {
 public:
  explicit FakeWriter(io::Loop& loop) : loop_(loop), start_(loop.now()) {}
  Written written;
  int failing = 0;           // so many writes fail
  io::Duration takes = 0ms;  // each

  io::Task<> set_redirection(mesh::LocalPod pod, bool enabled) override {
    return write(pod.uid + (enabled ? "+" : "-"));
  }
  io::Task<> post_warning(mesh::LocalPod pod, std::string sentence) override {
    return write(pod.uid + ": " + sentence);
  }

 private:
  io::Task<> write(std::string what) {
    co_await loop_.sleep(takes);
    const bool fails = failing > 0 && failing-- > 0;
    written.push_back(fmt::format("{} {}{}", seconds(), what, fails ? " failed" : ""));
    if (fails) {
      co_await fail(Errc::unavailable, "told to fail");
    }
  }
  std::int64_t seconds() const {
    return std::chrono::duration_cast<std::chrono::seconds>(loop_.now() - start_).count();
  }
  io::Loop& loop_;
  io::TimePoint start_;
};

struct Bench {
  explicit Bench(io::Loop& sim) : loop(sim), scope(sim) { scope.spawn(notices.run()); }
  io::Task<> end() {
    scope.cancel();
    (void)co_await as_result(scope.join());
  }
  io::Loop& loop;
  FakeWriter writer{loop};
  ClusterNotices notices{loop, writer};
  io::Scope scope;
};

void plays(const sim::Scenario& scenario) {
  for (const auto& problem : sim::run_to_end(scenario, 4).problems) {
    FAIL_CHECK(problem);
  }
  for (const auto& problem : sim::cancel_everywhere(scenario).problems) {
    FAIL_CHECK(problem);
  }
}

io::Task<> marks_what_differs(io::SimLoop& loop) {
  Bench bench(loop);
  bench.notices.set({{.pod = pod("a"), .marked = false, .wanted = true},
                     {.pod = pod("b"), .marked = true, .wanted = false},
                     {.pod = pod("c"), .marked = true, .wanted = true},
                     {.pod = pod("d"), .marked = false, .wanted = false}});
  auto slept = co_await as_result(loop.sleep(1s));
  // The source has not seen the writes yet.
  bench.notices.set({{.pod = pod("a"), .marked = false, .wanted = true},
                     {.pod = pod("b"), .marked = true, .wanted = false}});
  slept = co_await as_result(loop.sleep(1s));
  const auto written = bench.writer.written;
  co_await bench.end();
  co_await std::move(slept);
  CHECK(written == Written{"0 a+", "0 b-"});
}

io::Task<> marks_again_what_somebody_changed(io::SimLoop& loop) {
  Bench bench(loop);
  auto slept = co_await as_result(loop.sleep(0s));
  for (const bool shown : {false, true, false}) {
    bench.notices.set({{.pod = pod("a"), .marked = shown, .wanted = true}});
    slept = co_await as_result(loop.sleep(2s));
  }
  // Our second write is never shown: it was lost, and is trusted no longer than that.
  slept = co_await as_result(loop.sleep(kWriteTrusted));
  bench.notices.set({{.pod = pod("a"), .marked = false, .wanted = true}});
  slept = co_await as_result(loop.sleep(2s));
  const auto written = bench.writer.written;
  co_await bench.end();
  co_await std::move(slept);
  CHECK(written == Written{"0 a+", "4 a+", "36 a+"});
}

io::Task<> tries_again(io::SimLoop& loop) {
  Bench bench(loop);
  bench.writer.failing = 2;
  bench.notices.set({{.pod = pod("a"), .marked = false, .wanted = true}});
  const auto slept = co_await as_result(loop.sleep(30s));
  const auto written = bench.writer.written;
  co_await bench.end();
  co_await Result<>(slept);
  CHECK(written == Written{"0 a+ failed", "5 a+ failed", "10 a+"});
}

// A pod's start waits for its annotation, through a write that fails.
io::Task<> marks(io::SimLoop& loop) {
  Bench bench(loop);
  bench.writer.failing = 1;
  const auto begun = loop.now();
  bench.notices.set({{.pod = pod("a"), .marked = false, .wanted = false}});
  auto marked = co_await as_result(bench.notices.mark(pod("a")));
  const auto took = loop.now() - begun;
  const auto written = bench.writer.written;
  co_await bench.end();
  co_await std::move(marked);
  CHECK(written == Written{"0 a+ failed", "5 a+"});
  CHECK(took == kWriteAgain);
}

io::Task<> marks_without_an_answer(io::SimLoop& loop) {
  Bench bench(loop);
  bench.writer.failing = 1000;
  const auto begun = loop.now();
  bench.notices.set({{.pod = pod("a"), .marked = false, .wanted = true}});
  auto marked = co_await as_result(bench.notices.mark(pod("a")));
  const auto took = loop.now() - begun;
  auto unknown = co_await as_result(bench.notices.mark(pod("gone")));
  co_await bench.end();
  co_await std::move(marked);
  co_await std::move(unknown);
  CHECK(took == kMarkWithin);
}

io::Task<> withdraws(io::SimLoop& loop) {
  Bench bench(loop);
  const auto begun = loop.now();
  bench.notices.set({{.pod = pod("a"), .marked = true, .wanted = true}});
  auto withdrawn = co_await as_result(bench.notices.withdraw(pod("a")));
  const auto took = loop.now() - begun;
  const auto written = bench.writer.written;
  co_await bench.end();
  co_await std::move(withdrawn);
  CHECK(written == Written{"0 a-"});
  CHECK(took == kSpreadTime);
}

io::Task<> withdraws_without_an_answer(io::SimLoop& loop) {
  Bench bench(loop);
  bench.writer.failing = 1000;
  const auto begun = loop.now();
  bench.notices.set({{.pod = pod("a"), .marked = true, .wanted = true}});
  auto withdrawn = co_await as_result(bench.notices.withdraw(pod("a")));
  const auto took = loop.now() - begun;
  auto unknown = co_await as_result(bench.notices.withdraw(pod("gone")));
  co_await bench.end();
  co_await std::move(withdrawn);
  co_await std::move(unknown);
  CHECK(took == kWithdrawWithin);
}

// The annotations of other nodes' pods go after `ends`.
io::Task<> withdraws_with_others(io::SimLoop& loop, io::Duration ends) {
  Bench bench(loop);
  const std::vector<MarkedPod> pods = {{.pod = pod("a"), .marked = true, .wanted = false}};
  const auto begun = loop.now();
  bench.notices.set(pods, true);
  io::Scope others(loop);
  others.spawn([](io::SimLoop& loop, Bench& bench, auto pods, auto ends) -> io::Task<> {
    co_await loop.sleep(ends);
    bench.notices.set(pods, false);
  }(loop, bench, pods, ends));
  auto withdrawn = co_await as_result(bench.notices.withdraw(pod("a")));
  const auto took = loop.now() - begun;
  others.cancel();
  (void)co_await as_result(others.join());
  co_await bench.end();
  co_await std::move(withdrawn);
  CHECK(took == std::min(ends, kTogetherWithin) + kSpreadTime);
}

io::Task<> warns_once_in_a_while(io::SimLoop& loop) {
  Bench bench(loop);
  auto slept = co_await as_result(loop.sleep(0s));
  for (int i = 0; i < 70; ++i) {
    bench.notices.failed(pod("a"), "no address");
    slept = co_await as_result(loop.sleep(10s));
  }
  const auto written = bench.writer.written;
  co_await bench.end();
  co_await std::move(slept);
  CHECK(written == Written{"0 a: no address", "600 a: no address"});
}

io::Task<> warns_few_at_a_time(io::SimLoop& loop) {
  Bench bench(loop);
  bench.writer.failing = 1;
  for (const char* uid : {"a", "b", "c"}) {
    bench.notices.failed(pod(uid), "x");
  }
  auto slept = co_await as_result(loop.sleep(5s));
  bench.notices.failed(pod("a"), "x");  // it failed, so it was never said
  bench.notices.failed(pod("b"), "x");
  slept = co_await as_result(loop.sleep(5s));
  const auto written = bench.writer.written;
  co_await bench.end();
  co_await std::move(slept);
  CHECK(written == Written{"0 a: x failed", "1 b: x", "2 c: x", "5 a: x"});
}

io::Task<> warns_no_more_than_wait(io::SimLoop& loop) {
  Bench bench(loop);
  bench.writer.takes = 1h;
  for (std::size_t i = 0; i < 2 * kWarningsMax; ++i) {
    bench.notices.failed(pod(fmt::format("{}", i)), "x");
  }
  const auto slept = co_await as_result(loop.sleep(10min));
  bench.writer.takes = 0s;
  const auto more = co_await as_result(loop.sleep(2h));
  const auto count = bench.writer.written.size();
  co_await bench.end();
  co_await Result<>(slept);
  co_await Result<>(more);
  CHECK(count == kWarningsMax);
}

}  // namespace

TEST_CASE("the annotation is written where it differs from the kernel, and once") {
  plays(marks_what_differs);
}

TEST_CASE("an annotation that somebody takes away, and a write that is lost, are written again") {
  plays(marks_again_what_somebody_changed);
}

TEST_CASE("all pods of this node are compared, wanted or not, and nobody else's") {
  mesh::Objects objects;
  const auto add = [&](const std::string& name, const std::string& node, const std::string& mark) {
    mesh::Pod& one = objects.pods[{"shop", name}];
    one.meta = {.ns = "shop", .name = name, .uid = "uid-" + name};
    one.meta.annotations[mesh::kRedirectionAnnotation] = mark;
    one.node = node;
  };
  add("captured", "n1", "");
  add("left", "n1", "enabled");
  add("other", "n1", "pending");
  add("elsewhere", "n2", "enabled");
  add("unscheduled", "", "enabled");
  const auto pods = marked_pods(objects, "n1", {.captured = {"uid-captured", "uid-elsewhere"}});
  REQUIRE(pods.size() == 3);
  CHECK(pods[0].pod == mesh::LocalPod{.uid = "uid-captured", .ns = "shop", .name = "captured"});
  CHECK(pods[0].wanted);
  CHECK_FALSE(pods[0].marked);
  CHECK(pods[1].pod.name == "left");
  CHECK(pods[1].marked);
  CHECK_FALSE(pods[1].wanted);
  CHECK_FALSE(pods[2].marked);
  CHECK(marked_pods(objects, "", {}).empty());
  CHECK(marked_elsewhere(objects, "n1"));
  objects.pods[{"shop", "elsewhere"}].meta.annotations.clear();
  objects.pods[{"shop", "unscheduled"}].meta.annotations.clear();
  CHECK_FALSE(marked_elsewhere(objects, "n1"));
  CHECK(marked_elsewhere(objects, "n2"));
}

TEST_CASE("a pod that waits for capture keeps the annotation that it has, and gets none") {
  mesh::Objects objects;
  for (const char* name : {"had", "has"}) {
    mesh::Pod& one = objects.pods[{"shop", name}];
    one.meta = {.ns = "shop", .name = name, .uid = name};
    one.node = "n1";
  }
  objects.pods[{"shop", "had"}].meta.annotations[mesh::kRedirectionAnnotation] = "enabled";
  const auto pods = marked_pods(objects, "n1", {.awaited = {"had", "has"}});
  REQUIRE(pods.size() == 2);
  CHECK(pods[0].wanted);
  CHECK_FALSE(pods[1].wanted);
}

TEST_CASE("a write that fails is tried again after a pause") {
  plays(tries_again);
}

TEST_CASE("a pod's start waits until its annotation is written") {
  plays(marks);
}

TEST_CASE("a pod starts in the end though no API server answers, and at once if it is gone") {
  plays(marks_without_an_answer);
}

TEST_CASE("a pod leaves when its annotation is gone and others have had time to see it") {
  plays(withdraws);
}

TEST_CASE("a pod leaves in the end though no API server answers, and at once if it is gone") {
  plays(withdraws_without_an_answer);
}

TEST_CASE("of pods that leave on many nodes none does before all annotations are gone") {
  plays([](io::SimLoop& loop) { return withdraws_with_others(loop, 7s); });
}

TEST_CASE("a pod leaves in the end though those of other nodes stay annotated") {
  plays([](io::SimLoop& loop) { return withdraws_with_others(loop, 1h); });
}

TEST_CASE("the same warning is written once in ten minutes") {
  plays(warns_once_in_a_while);
}

TEST_CASE("warnings come one a second, and one that could not be written comes again") {
  plays(warns_few_at_a_time);
}

TEST_CASE("warnings beyond the limit are not kept") {
  plays(warns_no_more_than_wait);
}

}  // namespace culvert::cluster
