// A pod's way into the kernel's maps and out of them again.
// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <cerrno>

#include "agent/enrol/netns_setup.h"
#include "bpf/include/culvert_abi.h"
#include "tests/bpf/rig.h"

using namespace culvert;
using namespace culvert::test;
using namespace std::chrono_literals;

namespace {

datapath::ListenerFds fds(const enrol::Listeners& listeners) {
  return {.outbound = listeners.outbound.get(),
          .inbound = listeners.inbound.get(),
          .hbone = listeners.hbone.get()};
}

}  // namespace

TEST_CASE("a pod that is enrolled while it talks keeps its connections, and its next is captured") {
  Rig rig;
  const auto server = rig.listen_outside(at(kOutside4, 8080));
  auto before = rig.connect_from_pod({.target = at(kOutside4, 8080)});
  const auto old = accept_within(server, 2s);
  REQUIRE(old);
  CHECK(before.outcome().error == 0);
  rig.enrol_pod();
  CHECK(::send(old->socket.get(), "x", 1, MSG_NOSIGNAL) == 1);
  auto after = rig.connect_from_pod({.target = at(kOutside4, 8080)});
  CHECK(accept_within(rig.listeners().outbound, 2s));
  CHECK(after.outcome().error == 0);
}

TEST_CASE(
    "un-enrolment first ends capture, and captured connections live until the drain is over") {
  Rig rig;
  rig.enrol_pod();
  const auto server = rig.listen_outside(at(kOutside4, 8080));
  auto captured = rig.connect_from_pod({.target = at(kOutside4, 8080)});
  const auto held = accept_within(rig.listeners().outbound, 2s);
  REQUIRE(held);
  CHECK(captured.outcome().error == 0);
  const auto cookie = rig.pod_key().netns_cookie;

  REQUIRE(rig.datapath().forget_pod(cookie));
  auto direct = rig.connect_from_pod({.target = at(kOutside4, 8080)});
  CHECK(accept_within(server, 2s));
  CHECK(direct.outcome().error == 0);
  auto inbound = rig.connect_from_outside({.target = at(kPod4, 8080)});
  CHECK(accept_within(rig.listeners().inbound, 2s));  // still steered
  CHECK(inbound.outcome().error == 0);
  const auto draining = rig.datapath().pods().value();
  REQUIRE(draining.size() == 1);
  CHECK_FALSE(draining.front().captured);
  CHECK(draining.front().steered);

  CHECK(::send(held->socket.get(), "x", 1, MSG_NOSIGNAL) == 1);  // the captured one lives
  char byte = 0;
  CHECK(::recv(held->socket.get(), &byte, 1, MSG_DONTWAIT) == -1);
  CHECK(errno == EAGAIN);

  REQUIRE(rig.datapath().detach_pod(cookie));
  REQUIRE(enrol::tear_down_netns(rig.pod_netns()));
  CHECK(rig.datapath().pods().value().empty());
  const auto app = rig.listen_in_pod(at("::", 8080));
  auto after = rig.connect_from_outside({.target = at(kPod4, 8080)});
  CHECK(accept_within(app, 2s));
  CHECK(after.outcome().error == 0);
}

TEST_CASE("enrolling a pod that fails half-way leaves nothing behind") {
  Rig rig;
  const auto listeners = enrol::make_listeners(rig.pod_netns());
  REQUIRE(listeners);
  const int no_netns = listeners->outbound.get();  // a descriptor, but not of a netns
  const auto enrolled = rig.datapath().enrol_pod(rig.pod_key(), no_netns, fds(*listeners));
  REQUIRE_FALSE(enrolled);
  CHECK(rig.datapath().pods().value().empty());
}

TEST_CASE("a pod without addresses, or with too many, is refused") {
  Rig rig;
  const auto listeners = enrol::make_listeners(rig.pod_netns());
  REQUIRE(listeners);
  auto key = rig.pod_key();
  key.ips.clear();
  CHECK(rig.datapath().enrol_pod(key, rig.pod_netns(), fds(*listeners)).error().code ==
        Errc::config);
  key.ips.assign(CULVERT_POD_IPS_MAX + 1, at(kPod4, 0).ip);
  CHECK(rig.datapath().enrol_pod(key, rig.pod_netns(), fds(*listeners)).error().code ==
        Errc::limit);
}

TEST_CASE("a pod whose addresses change is enrolled again in place") {
  Rig rig;
  rig.enrol_pod();
  auto key = rig.pod_key();
  key.ips.pop_back();
  REQUIRE(rig.datapath().enrol_pod(key, rig.pod_netns(), fds(rig.listeners())));
  const auto pods = rig.datapath().pods().value();
  REQUIRE(pods.size() == 1);
  CHECK(pods.front().key.ips == key.ips);
}

TEST_CASE("a pod that died while no agent ran is listed as gone and can be forgotten") {
  Rig rig;
  rig.enrol_pod();
  const auto cookie = rig.pod_key().netns_cookie;
  rig.close_datapath();
  rig.kill_pod_netns();
  auto& datapath = rig.open_datapath();
  // The kernel tears a netns down behind our back, a moment later.
  std::vector<datapath::PodState> pods;
  for (int i = 0; i < 100; ++i) {
    pods = datapath.pods().value();
    REQUIRE(pods.size() == 1);
    if (pods.front().netns_inode == 0) {
      break;
    }
    ::usleep(20'000);
  }
  CHECK(pods.front().netns_inode == 0);
  CHECK(pods.front().captured);
  CHECK_FALSE(pods.front().steered);
  REQUIRE(datapath.forget_pod(cookie));
  REQUIRE(datapath.detach_pod(cookie));
  CHECK(datapath.pods().value().empty());
}

TEST_CASE("forgetting and detaching a pod that is not there succeeds") {
  Rig rig;
  CHECK(rig.datapath().forget_pod(12345));
  CHECK(rig.datapath().detach_pod(12345));
}
