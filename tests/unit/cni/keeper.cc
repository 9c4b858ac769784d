// The entry kept in a real folder while others write to it.
// SPDX-License-Identifier: Apache-2.0
#include "agent/cni/keeper.h"

#include <algorithm>
#include <functional>

#include "agent/cni/conf_dir.h"
#include "tests/unit/cni/net_d.h"
#include "ztunnel/lib/io/scope.h"

namespace culvert::cni {

namespace {

using namespace std::chrono_literals;

struct Bench {
  NetD node;
  std::unique_ptr<io::Loop> loop = io::make_epoll_loop();
  Keeper keeper;
  io::Scope scope{*loop};

  explicit Bench(io::Duration pause = 30s)
      : keeper(*loop, {.conf_dir = node.folder.path(),
                       .bin_dir = "",
                       .program = "",
                       .entry = {},
                       .repairs_in_a_row = 3,
                       .settle_time = 1ms,
                       .pause = pause}) {
    scope.spawn(keeper.run());
  }
  ~Bench() {
    scope.cancel();
    while (!scope.empty()) {
      (void)loop->turn();
    }
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  // within turns the loop until `answer` is true, for at most a second.
  bool within(const std::function<bool()>& answer) {
    bool yes = false;
    (void)io::block_on(
        *loop, [](io::Loop& l, const std::function<bool()>& ask, bool& result) -> io::Task<> {
          for (int i = 0; i < 200 && !(result = ask()); ++i) {
            co_await l.sleep(5ms);
          }
        }(*loop, answer, yes));
    return yes;
  }
  bool told(const std::string& words) {
    return within([&] {
      const auto problems = keeper.problems();
      return std::ranges::any_of(problems, [&](const auto& p) { return p.contains(words); });
    });
  }
  bool placed(const std::string& name) {
    return within([&] { return node.has_entry(name); });
  }
};

}  // namespace

TEST_CASE("the entry follows the network's configuration, which may come later") {
  Bench bench;
  CHECK(bench.told("no CNI configuration"));
  bench.node.write("10.conflist", kList);
  CHECK(bench.placed("10.conflist"));
  CHECK(bench.within([&] { return bench.keeper.problems().empty(); }));
}

TEST_CASE("an entry that another writer takes out is put back within a second") {
  Bench bench;
  bench.node.write("10.conflist", kList);
  REQUIRE(bench.placed("10.conflist"));
  bench.node.write("10.conflist", kList);
  CHECK(bench.placed("10.conflist"));
  bench.node.write("05.conflist", kList);
  CHECK(bench.placed("05.conflist"));
  CHECK(bench.within([&] { return bench.node.read("10.conflist") == kList; }));
}

TEST_CASE("a file that breaks is named, left alone, and gets the entry when it is whole again") {
  Bench bench;
  bench.node.write("10.conflist", "{ half");
  CHECK(bench.told("10.conflist"));
  CHECK(bench.node.read("10.conflist") == "{ half");
  bench.node.write("10.conflist", kList);
  CHECK(bench.placed("10.conflist"));
}

TEST_CASE("with who takes it out again and again there is no fight, but a sentence") {
  Bench bench;
  int repairs = 0;
  for (; repairs < 10; ++repairs) {
    bench.node.write("10.conflist", kList);
    if (!bench.placed("10.conflist")) {
      break;
    }
  }
  CHECK(repairs == 3);
  CHECK(bench.told("again and again"));
  CHECK(bench.node.read("10.conflist") == kList);
}

TEST_CASE("after a pause it is tried again") {
  Bench bench(300ms);
  for (int i = 0; i < 4; ++i) {
    bench.node.write("10.conflist", kList);
    (void)bench.within([&] { return i < 3 && bench.node.has_entry("10.conflist"); });
  }
  CHECK(bench.placed("10.conflist"));
  CHECK(bench.within([&] { return bench.keeper.problems().empty(); }));
}

TEST_CASE("a folder that does not exist yet is watched once it does") {
  const ScratchFolder folder;
  const auto loop = io::make_epoll_loop();
  Keeper keeper(*loop, {.conf_dir = folder / "net.d", .pause = 20ms});
  io::Scope scope(*loop);
  scope.spawn(keeper.run());
  while (keeper.problems().empty()) {
    (void)loop->turn();
  }
  CHECK(keeper.problems().back().contains(folder / "net.d"));
  std::filesystem::create_directory(folder / "net.d");
  std::ofstream(folder / "net.d/10.conflist") << kList;
  const auto until = std::chrono::steady_clock::now() + 5s;
  while (!keeper.problems().empty() && std::chrono::steady_clock::now() < until) {
    (void)loop->turn();
  }
  CHECK(keeper.problems().empty());
  scope.cancel();
  while (!scope.empty()) {
    (void)loop->turn();
  }
}

}  // namespace culvert::cni
