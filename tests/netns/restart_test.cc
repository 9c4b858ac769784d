// Daemons that die, come back and drain, while pods go on connecting.
// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include "tests/netns/two_nodes.h"

namespace culvert::lab {

namespace {

constexpr auto kAway = 5s;

// Connections opened while a daemon is away: every one of them has to be served in the end.
class Callers {
 public:
  Callers(Pod& client, const std::string& url, int count) {
    for (int i = 0; i < count; ++i) {
      programs_.push_back(&client.start({"curl", "-sS", "--globoff", "--max-time", "40", "--output",
                                         "/dev/null", "--write-out", "%{http_code}", url},
                                        fmt::format("caller-{}-{}", slug(url), i)));
      std::this_thread::sleep_for(100ms);
    }
  }

  // How many were served within `limit`; the others' words are printed.
  int served(Milliseconds limit) {
    int count = 0;
    for (Process* program : programs_) {
      const auto code = program->wait(limit);
      if (code == 0 && program->log() == "200") {
        ++count;
      } else {
        MESSAGE("not served: code ", code.value_or(-1), ": ", program->log());
      }
    }
    return count;
  }

 private:
  std::vector<Process*> programs_;
};

void calls_survive(TwoNodes& pair, Node& node, const std::string& what) {
  INFO(what);
  Capture wire = pair.mesh.capture(what);
  node.ztunnel().kill();
  const auto died = std::chrono::steady_clock::now();
  Callers four(pair.client, pair.server.url("/canary-meanwhile"), 10);
  Callers six(pair.client, pair.server.url6("/canary-meanwhile"), 10);
  std::this_thread::sleep_until(died + kAway);
  node.start_ztunnel();
  node.wait_ready();
  CHECK(four.served(40s) == 10);
  CHECK(six.served(40s) == 10);
  wire.stop();
  CHECK_FALSE(wire.holds("canary-meanwhile"));
  CHECK(wire.ports_between(pair.client, pair.server) == std::set<int>{15008});
}

}  // namespace

TEST_CASE("connections opened while the client's ztunnel is dead are served when it is back") {
  TwoNodes pair("client ztunnel dies");
  pair.mesh.start();
  answer_of(pair.client.curl(pair.server.url()));
  calls_survive(pair, pair.east, "client side");
}

TEST_CASE("connections opened while the server's ztunnel is dead are served when it is back") {
  TwoNodes pair("server ztunnel dies");
  pair.mesh.start();
  answer_of(pair.client.curl(pair.server.url()));
  calls_survive(pair, pair.west, "server side");
}

TEST_CASE("an agent that dies changes nothing, and a new one with a new ztunnel refuses nobody") {
  TwoNodes pair("agent dies");
  pair.mesh.start();
  Process& held = pair.client.start(
      {program("culvert-load"), "hold", pair.server.ip4(), std::to_string(kEchoPort)}, "held");
  REQUIRE(eventually(5s, [&] { return held.log().find("opened\": true") != std::string::npos; }));
  for (Node* node : {&pair.east, &pair.west}) {
    node->agent().kill();
  }
  std::this_thread::sleep_for(1s);
  CHECK(answer_of(pair.client.curl(pair.server.url())).value("peer", "") == pair.client.ip4());
  CHECK(answer_of(pair.client.curl(pair.shop.url6())).value("peer", "") == pair.client.ip6());
  CHECK(held.alive());

  for (Node* node : {&pair.east, &pair.west}) {
    node->start_agent();
  }
  CHECK(eventually(
      20s, [&] { return pair.east.ask_agent("/pods").find("client") != std::string::npos; }));
  CHECK(answer_of(pair.client.curl(pair.server.url())).value("peer", "") == pair.client.ip4());
  CHECK(held.alive());
  calls_survive(pair, pair.east, "after the agent's restart");
}

TEST_CASE("an agent that removes with --drain lets what is under way end, and pods go on") {
  TwoNodes pair("node leaves");
  pair.mesh.start();
  Process& slow =
      pair.client.start({"curl", "-sS", "--max-time", "20", pair.server.url("/slow")}, "slow");
  std::this_thread::sleep_for(500ms);
  pair.east.agent().kill();
  pair.east.start_agent({"--remove", "--drain"});
  CHECK(slow.wait(10s) == 0);
  CHECK(pair.east.agent().wait(30s) == 0);
  INFO(slow.log(), pair.east.agent_log());
  CHECK(has_line(pair.east.agent_log(), {"pod un-enrolled", "client"}));
  Capture wire = pair.mesh.capture("after");
  CHECK(answer_of(pair.client.curl(pair.server.url("/canary"))).value("peer", "") ==
        pair.client.ip4());
  wire.stop();
  CHECK(wire.holds("canary"));
}

TEST_CASE("SIGTERM drains: what is under way ends well, and ztunnel leaves with code 0") {
  TwoNodes pair("drain");
  pair.mesh.start();
  Process& slow =
      pair.client.start({"curl", "-sS", "--max-time", "20", pair.server.url("/slow")}, "slow");
  std::this_thread::sleep_for(500ms);
  pair.west.ztunnel().send(SIGTERM);
  CHECK(slow.wait(10s) == 0);
  INFO(slow.log());
  CHECK(pair.west.ztunnel().wait(15s) == 0);
  INFO(pair.west.ztunnel_log());
  CHECK_FALSE(pair.west.ready());
}

}  // namespace culvert::lab
