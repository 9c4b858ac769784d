// Many connections and sleeping readers. Under a sanitizer the counts are the same, but memory is
// not looked at: its quarantine keeps what was freed. tools/test --preset release netns load looks.
// SPDX-License-Identifier: Apache-2.0
#include "tests/netns/two_nodes.h"
#include "tests/support/lab/footprint.h"

namespace culvert::lab {

namespace {

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

constexpr int kConnections = 10000;
constexpr int kSleepers = 1000;
constexpr auto kSettle = 15s;

Outcome load(const TwoNodes& pair, const Command& more, Milliseconds limit) {
  Command command = {program("culvert-load"), more.front(), pair.server.ip4(),
                     std::to_string(kEchoPort)};
  command.insert(command.end(), more.begin() + 1, more.end());
  return pair.client.run(command, limit);
}

}  // namespace

TEST_CASE("of ten thousand connections none is lost, and memory and descriptors are as before") {
  TwoNodes pair("ten thousand connections");
  pair.mesh.start();
  // A first thousand grows the pools and caches to their working size; all after it must not.
  REQUIRE(number_of(load(pair, {"connections", "1000", "16"}, 120s), "lost") == 0);
  std::this_thread::sleep_for(kSettle);
  std::vector<Footprint> before;
  for (Node& node : pair.mesh.nodes()) {
    before.push_back(footprint_of(node.ztunnel().pid()));
  }
  const Outcome outcome = load(pair, {"connections", std::to_string(kConnections), "16"}, 300s);
  MESSAGE(outcome.out);
  CHECK(number_of(outcome, "lost") == 0);
  CHECK(number_of(outcome, "refused") == 0);
  std::this_thread::sleep_for(kSettle);
  for (std::size_t i = 0; i < before.size(); ++i) {
    const Footprint after = footprint_of(pair.mesh.nodes()[i].ztunnel().pid());
    INFO(pair.mesh.nodes()[i].name());
    CHECK(after.descriptors == before[i].descriptors);
    MESSAGE("resident: ", before[i].resident_kb, " kB before, ", after.resident_kb, " kB after");
    if (!kSanitized) {
      CHECK(after.resident_kb * 10 <= before[i].resident_kb * 11);
    }
  }
}

TEST_CASE("a thousand streams whose readers sleep do not slow their neighbour") {
  TwoNodes pair("sleeping readers");
  pair.mesh.start();
  const double alone = number_of(load(pair, {"requests", "1", "3"}, 30s), "requests_per_second");
  Process& sleepers = pair.client.start({program("culvert-load"), "sleepers", pair.server.ip4(),
                                         std::to_string(kEchoPort), std::to_string(kSleepers)},
                                        "sleepers");
  const bool asleep =
      eventually(300s, [&] { return sleepers.log().find("\"sleepers\"") != std::string::npos; });
  INFO(sleepers.log());
  REQUIRE(asleep);
  const double beside = number_of(load(pair, {"requests", "1", "3"}, 30s), "requests_per_second");
  MESSAGE("requests a second: ", alone, " alone, ", beside, " beside ", kSleepers, " sleepers");
  CHECK(beside >
        alone * 0.6);  // half the speed would be a stall; the rest is a busy machine's noise
}

}  // namespace culvert::lab
