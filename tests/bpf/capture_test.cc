// What the connect hook does to sockets of pods, of daemons and of everyone else.
// SPDX-License-Identifier: Apache-2.0
#include <netinet/in.h>

#include <doctest/doctest.h>
#include <cerrno>

#include "bpf/include/culvert_abi.h"
#include "tests/bpf/rig.h"

using namespace culvert::test;
using namespace std::chrono_literals;

namespace {

// Checks that `what` reaches ztunnel's outbound listener with the destination that it named.
void check_captured(Rig& rig, const Connect& what) {
  auto client = rig.connect_from_pod(what);
  const auto accepted = accept_within(rig.listeners().outbound, 2s);
  const auto outcome = client.outcome();
  CHECK(outcome.error == 0);
  REQUIRE(accepted);
  CHECK(accepted->local == what.target);
  CHECK(accepted->peer == outcome.local);
  CHECK(outcome.peer == what.target);
}

}  // namespace

TEST_CASE("a pod's connect reaches the outbound listener with its original destination") {
  Rig rig;
  rig.enrol_pod();
  check_captured(rig, {.target = at(kNobody4, 80)});
  check_captured(rig, {.target = at(kNobody6, 80)});
  check_captured(rig, {.target = at(kNobody4, 81), .v6_socket = true});
  check_captured(rig, {.target = at(kNobody4, 82), .protocol = IPPROTO_MPTCP});
  check_captured(rig, {.target = at(kOutside4, 83), .source = at(kPod4, 0)});
  CHECK(rig.count("capture", "captured") == 5);
  CHECK(rig.count("steer", "outbound") == 5);
}

TEST_CASE("a connect to a neighbour is captured before it can leave the pod") {
  Rig rig;
  rig.enrol_pod();
  const auto server = rig.listen_outside(at(kOutside4, 8080));
  check_captured(rig, {.target = at(kOutside4, 8080)});
  CHECK_FALSE(accept_within(server, 50ms));
}

TEST_CASE("an application's own mark stays beside the mesh's bit") {
  Rig rig;
  rig.enrol_pod();
  auto client = rig.connect_from_pod({.target = at(kNobody4, 80), .mark = 0x77});
  CHECK(accept_within(rig.listeners().outbound, 2s));
  CHECK(client.outcome().mark == (0x77 | CULVERT_MARK_OUTBOUND));
}

TEST_CASE("a pod with CAP_NET_RAW is captured whatever it sets on its socket") {
  Rig rig;
  rig.enrol_pod();
  const auto server4 = rig.listen_outside(at(kOutside4, 8080));
  const auto server6 = rig.listen_outside(at(kOutside6, 8080));
  for (const char* target : {kOutside4, kOutside6}) {
    for (const std::uint32_t mark : {0u, 0x539u, CULVERT_MARK_OUTBOUND, CULVERT_MARK_DELIVERY,
                                     CULVERT_MARK_MASK, 0xffffffffu}) {
      for (const char* device : {"", "eth0", "lo"}) {
        for (const bool transparent : {false, true}) {
          check_captured(rig, {.target = at(target, 8080),
                               .mark = mark,
                               .device = device,
                               .transparent = transparent,
                               .only_net_raw = true});
        }
      }
    }
  }
  CHECK(rig.count("capture", "captured") == 72);
  CHECK_FALSE(accept_within(server4, 50ms));
  CHECK_FALSE(accept_within(server6, 50ms));
}

TEST_CASE("a pod with CAP_NET_RAW that takes a foreign source is captured all the same") {
  Rig rig;
  rig.enrol_pod();
  auto client = rig.connect_from_pod({.target = at(kOutside4, 8080),
                                      .mark = CULVERT_MARK_DELIVERY,
                                      .device = "eth0",
                                      .transparent = true,
                                      .only_net_raw = true,
                                      .source = at("10.77.0.200", 0)});
  CHECK(accept_within(rig.listeners().outbound, 2s));
  CHECK(client.outcome().error == 0);
}

TEST_CASE("every value of a single mark bit is captured") {
  Rig rig;
  rig.enrol_pod();
  for (int bit = 0; bit < 32; ++bit) {
    check_captured(rig, {.target = at(kNobody4, 80), .mark = 1u << bit, .only_net_raw = true});
  }
}

TEST_CASE("loopback, the pod's own address and other protocols are left alone") {
  Rig rig;
  rig.enrol_pod();
  const auto server4 = rig.listen_in_pod(at("0.0.0.0", 8080));
  const auto server6 = rig.listen_in_pod(at("::1", 8081));
  for (const auto& target : {at("127.0.0.1", 8080), at("127.0.0.9", 8080), at(kPod4, 8080)}) {
    auto client = rig.connect_from_pod({.target = target, .mark = CULVERT_MARK_DELIVERY});
    CHECK(accept_within(server4, 2s));
    const auto outcome = client.outcome();
    CHECK(outcome.error == 0);
    CHECK(outcome.mark == 0);  // a forged bit is cleared here too
  }
  CHECK(rig.connect_from_pod({.target = at("::1", 8081)}).outcome().error == 0);
  CHECK(rig.connect_from_pod({.target = at(kNobody4, 53), .udp = true}).outcome().error == 0);
  (void)rig.connect_from_pod({.target = at("169.254.1.1", 80), .patience = 50ms}).outcome();
  (void)rig.connect_from_pod({.target = at("224.0.0.1", 80), .patience = 50ms}).outcome();
  CHECK(rig.count("capture", "loopback") == 3);
  CHECK(rig.count("capture", "own_address") == 1);
  CHECK(rig.count("capture", "not_tcp") == 1);
  CHECK(rig.count("capture", "link_local") == 1);
  CHECK(rig.count("capture", "multicast") == 1);
  CHECK(rig.count("capture", "captured") == 0);
}

TEST_CASE(
    "a daemon is exempt by its cgroup and keeps its marks; the same marks elsewhere prove "
    "nothing") {
  Rig rig;
  rig.enrol_pod();
  const auto server = rig.listen_outside(at(kOutside4, 8080));
  auto daemon = rig.connect_as_daemon({.target = at(kOutside4, 8080), .mark = 0x77});
  CHECK(accept_within(server, 2s));
  CHECK(daemon.outcome().mark == 0x77);
  CHECK(rig.count("capture", "daemon") == 1);

  auto other = Client::start(rig.cgroup("other"), rig.pod_netns(),
                             {.target = at(kOutside4, 8080), .mark = 0x77});
  CHECK(accept_within(rig.listeners().outbound, 2s));
  CHECK(other.outcome().error == 0);
}

TEST_CASE("a daemon that is removed is captured again") {
  Rig rig;
  rig.enrol_pod();
  for (const auto id : rig.datapath().daemons().value()) {
    CHECK(rig.datapath().remove_daemon(id));
  }
  CHECK(rig.datapath().daemons().value().empty());
  auto client = rig.connect_as_daemon({.target = at(kNobody4, 80)});
  CHECK(accept_within(rig.listeners().outbound, 2s));
  CHECK(client.outcome().error == 0);
}

TEST_CASE("a netns that is not enrolled is left alone") {
  Rig rig;
  const auto server = rig.listen_outside(at(kOutside4, 8080));
  auto client = rig.connect_from_pod({.target = at(kOutside4, 8080)});
  CHECK(accept_within(server, 2s));
  CHECK(client.outcome().mark == 0);
  CHECK(rig.count("capture", "not_enrolled") == 1);
}
