// Where new connections that reach the pod's netns end up.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <cerrno>

#include "agent/datapath/kernel.h"
#include "bpf/include/culvert_abi.h"
#include "tests/bpf/rig.h"

using namespace culvert;
using namespace culvert::test;
using namespace std::chrono_literals;

namespace {

// A delivery as ztunnel makes it: the client's address, the delivery mark, by loopback.
Connect delivery(const char* pod, std::uint16_t port, const char* client) {
  return {.target = at(pod, port),
          .mark = CULVERT_MARK_DELIVERY,
          .device = "lo",
          .transparent = true,
          .source = at(client, 0)};
}

}  // namespace

TEST_CASE("plaintext from outside goes to the inbound listener, port 15008 to the HBONE listener") {
  Rig rig;
  rig.enrol_pod();
  const auto app = rig.listen_in_pod(at("::", 8080));
  for (const char* pod : {kPod4, kPod6}) {
    auto plaintext = rig.connect_from_outside({.target = at(pod, 8080)});
    const auto inbound = accept_within(rig.listeners().inbound, 2s);
    REQUIRE(inbound);
    CHECK(inbound->local == at(pod, 8080));
    CHECK(inbound->peer == plaintext.outcome().local);

    auto tunnel = rig.connect_from_outside({.target = at(pod, CULVERT_PORT_HBONE)});
    CHECK(accept_within(rig.listeners().hbone, 2s));
    CHECK(tunnel.outcome().error == 0);
  }
  CHECK_FALSE(accept_within(app, 50ms));
  CHECK(rig.count("steer", "inbound") == 2);
  CHECK(rig.count("steer", "hbone") == 2);
}

TEST_CASE("ztunnel's delivery reaches the application with the client's address") {
  Rig rig;
  rig.enrol_pod();
  const auto app = rig.listen_in_pod(at("::", 8080));
  for (const auto& [pod, client] :
       {std::pair{kPod4, kOutside4}, {kPod4, kNobody4}, {kPod6, kOutside6}, {kPod6, kNobody6}}) {
    auto daemon = rig.connect_as_daemon(delivery(pod, 8080, client));
    const auto accepted = accept_within(app, 2s);
    CHECK(daemon.outcome().error == 0);
    REQUIRE(accepted);
    CHECK(accepted->peer.ip == at(client, 0).ip);
    CHECK(accepted->local == at(pod, 8080));
  }
  CHECK(rig.count("steer", "delivery") == 4);
}

TEST_CASE("a delivery to a closed port is refused at once") {
  Rig rig;
  rig.enrol_pod();
  CHECK(rig.connect_as_daemon(delivery(kPod4, 8099, kOutside4)).outcome().error == ECONNREFUSED);
  CHECK(rig.connect_as_daemon(delivery(kPod6, 8099, kOutside6)).outcome().error == ECONNREFUSED);
}

TEST_CASE("a pod that talks to its own address reaches itself, and HBONE to itself its tunnel") {
  Rig rig;
  rig.enrol_pod();
  const auto app = rig.listen_in_pod(at("::", 8080));
  for (const char* pod : {kPod4, kPod6}) {
    auto client = rig.connect_from_pod({.target = at(pod, 8080)});
    CHECK(accept_within(app, 2s));
    CHECK(client.outcome().error == 0);
    auto tunnel = rig.connect_as_daemon({.target = at(pod, CULVERT_PORT_HBONE)});
    CHECK(accept_within(rig.listeners().hbone, 2s));
    CHECK(tunnel.outcome().error == 0);
  }
  CHECK(rig.count("steer", "self") == 2);
}

TEST_CASE("nobody reaches the capture listeners by their own ports") {
  Rig rig;
  rig.enrol_pod();
  for (const auto number : {CULVERT_PORT_OUTBOUND, CULVERT_PORT_INBOUND}) {
    const auto port = static_cast<std::uint16_t>(number);
    for (const char* target : {"127.0.0.1", "::1", kPod4, kPod6}) {
      CHECK(rig.connect_from_pod({.target = at(target, port)}).outcome().error == ECONNREFUSED);
    }
    CHECK(rig.connect_as_daemon(delivery(kPod4, port, kOutside4)).outcome().error == ECONNREFUSED);
  }
  CHECK_FALSE(accept_within(rig.listeners().outbound, 50ms));
  CHECK(rig.count("steer", "mesh_port") == 10);
}

TEST_CASE("a root process of the pod can't take a share of what is steered") {
  Rig rig;
  rig.enrol_pod();
  // Its listeners have SO_REUSEPORT, as ours: without NO_REUSEPORT half of the connects would be
  // theirs.
  const auto thief = enrol::make_listeners(rig.pod_netns());
  REQUIRE(thief);
  for (int i = 0; i < 16; ++i) {
    auto client = rig.connect_from_pod({.target = at(kNobody4, 80)});
    CHECK(accept_within(rig.listeners().outbound, 2s));
  }
  CHECK_FALSE(accept_within(thief->outbound, 50ms));
}

TEST_CASE(
    "with both daemons dead nothing passes, and a waiting connect is served by their successors") {
  Rig rig;
  rig.enrol_pod();
  const auto app = rig.listen_in_pod(at("::", 8080));
  const auto server = rig.listen_outside(at(kOutside4, 8080));
  rig.drop_listeners();

  auto waiting = rig.connect_from_pod({.target = at(kOutside4, 8080), .patience = 5s});
  CHECK(rig.connect_from_outside({.target = at(kPod4, 8080)}).outcome().error == ECONNREFUSED);
  CHECK(rig.connect_from_outside({.target = at(kPod4, CULVERT_PORT_HBONE)}).outcome().error ==
        ECONNREFUSED);
  CHECK_FALSE(accept_within(app, 50ms));
  CHECK_FALSE(accept_within(server, 50ms));
  CHECK(rig.count("steer", "no_outbound_listener") >= 1);
  CHECK(rig.count("steer", "no_inbound_listener") == 1);
  CHECK(rig.count("steer", "no_hbone_listener") == 1);

  rig.use_fresh_listeners();
  CHECK(accept_within(rig.listeners().outbound, 4s));  // the SYN is sent again
  CHECK(waiting.outcome().error == 0);
}

TEST_CASE("a steered netns whose addresses are lost drops everything") {
  Rig rig;
  rig.enrol_pod();
  const auto app = rig.listen_in_pod(at("::", 8080));
  const auto steered = datapath::open_pin(rig.pin_dir() + "/v1/steered");
  REQUIRE(steered);
  const std::uint64_t cookie = rig.pod_key().netns_cookie;
  REQUIRE(datapath::map_erase(*steered, &cookie, "lose the addresses"));
  CHECK(rig.connect_from_outside({.target = at(kPod4, 8080)}).outcome().error == ECONNREFUSED);
  CHECK(rig.count("steer", "unconfigured") == 1);
}
