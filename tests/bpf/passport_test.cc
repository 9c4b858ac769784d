// The kubelet's probes reach their pod directly; nobody else's connections do.
// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <cerrno>

#include "agent/datapath/kernel.h"
#include "bpf/include/culvert_abi.h"
#include "tests/bpf/rig.h"

using namespace culvert;
using namespace culvert::test;
using namespace std::chrono_literals;

namespace {

std::size_t passports_held(const Rig& rig) {
  const auto map = datapath::open_pin(rig.pin_dir() + "/v1/passports");
  REQUIRE(map);
  const auto keys = datapath::map_keys<culvert_passport>(*map, "list the passports");
  REQUIRE(keys);
  return keys->size();
}

}  // namespace

TEST_CASE("the kubelet reaches the application directly, with its own address") {
  Rig rig;
  rig.enrol_pod();
  const auto app = rig.listen_in_pod(at("::", 8080));
  for (const Connect& probe :
       {Connect{.target = at(kPod4, 8080)}, Connect{.target = at(kPod6, 8080)},
        Connect{.target = at(kPod4, 8080), .v6_socket = true}}) {
    auto kubelet = rig.connect_as_probe(probe);
    const auto accepted = accept_within(app, 2s);
    CHECK(kubelet.outcome().error == 0);
    REQUIRE(accepted);
    CHECK(accepted->peer.ip == at(probe.target.ip.is_v4() ? kOutside4 : kOutside6, 0).ip);
  }
  CHECK(rig.count("passport", "issued") == 3);
  CHECK(rig.count("steer", "passport") == 3);
}

TEST_CASE("another process of the host gets no passport") {
  Rig rig;
  rig.enrol_pod();
  const auto app = rig.listen_in_pod(at("::", 8080));
  auto other = rig.connect_from_outside({.target = at(kPod4, 8080)});
  CHECK(accept_within(rig.listeners().inbound, 2s));
  CHECK(other.outcome().error == 0);
  CHECK_FALSE(accept_within(app, 50ms));
  CHECK(rig.count("passport", "issued") == 0);
}

TEST_CASE("a passport ends with the kubelet's socket, so that the port's next owner has none") {
  Rig rig;
  rig.enrol_pod();
  const auto app = rig.listen_in_pod(at("::", 8080));
  {
    auto kubelet =
        rig.connect_as_probe({.target = at(kPod4, 8080), .source = at(kOutside4, 40001)});
    CHECK(accept_within(app, 2s));
    CHECK(kubelet.outcome().error == 0);
    CHECK(passports_held(rig) == 1);
  }  // both ends close; the pod's side is gone, so the kubelet's socket closes at once
  ::usleep(100'000);
  CHECK(passports_held(rig) == 0);
  CHECK(rig.count("passport", "withdrawn") == 1);
  CHECK(rig.connect_as_probe({.target = at(kPod4, 8099)}).outcome().error == ECONNREFUSED);
  CHECK(passports_held(rig) == 0);
}

TEST_CASE("a passport does not open the capture listeners") {
  Rig rig;
  rig.enrol_pod();
  auto kubelet = rig.connect_as_probe({.target = at(kPod4, CULVERT_PORT_OUTBOUND)});
  CHECK(accept_within(rig.listeners().inbound, 2s));
  CHECK(kubelet.outcome().error == 0);
  CHECK(rig.count("steer", "passport") == 0);
}

TEST_CASE("the passport program follows a kubelet's cgroup that systemd made anew") {
  Rig rig;
  rig.enrol_pod();
  const auto app = rig.listen_in_pod(at("::", 8080));
  REQUIRE(::rmdir(rig.cgroup("probe").c_str()) == 0);
  REQUIRE(::mkdir(rig.cgroup("probe").c_str(), 0755) == 0);
  const auto followed = rig.datapath().follow_probe_cgroup(rig.cgroup("probe"));
  CHECK_MESSAGE(followed, (followed ? "" : followed.error().context));
  auto kubelet = rig.connect_as_probe({.target = at(kPod4, 8080)});
  CHECK(accept_within(app, 2s));
  CHECK(kubelet.outcome().error == 0);
}
