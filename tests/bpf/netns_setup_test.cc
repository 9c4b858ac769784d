// What the set-up of a pod's netns puts in, and that it takes it out again.
// SPDX-License-Identifier: Apache-2.0
#include "agent/enrol/netns_setup.h"

#include <fcntl.h>
#include <unistd.h>

#include <doctest/doctest.h>
#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "agent/enrol/netns.h"
#include "tests/bpf/rig.h"

using namespace culvert;
using namespace culvert::test;

namespace {

// The text that `ip` prints in the netns; both families' rules and the table of the mesh.
std::string ip_in(int netns_fd, const std::string& arguments) {
  const auto visit = enrol::NetnsVisit::enter(netns_fd);
  REQUIRE(visit);
  FILE* output = ::popen(("ip " + arguments + " 2>&1").c_str(), "re");
  REQUIRE(output != nullptr);
  std::string text;
  std::array<char, 512> chunk;
  while (const auto length = std::fread(chunk.data(), 1, chunk.size(), output)) {
    text.append(chunk.data(), length);
  }
  ::pclose(output);
  return text;
}

int lines(const std::string& text, const std::string& phrase) {
  int count = 0;
  for (auto at = text.find(phrase); at != std::string::npos; at = text.find(phrase, at + 1)) {
    ++count;
  }
  return count;
}

char sysctl_in(int netns_fd, const char* path) {
  const auto visit = enrol::NetnsVisit::enter(netns_fd);
  REQUIRE(visit);
  std::ifstream file(std::string("/proc/sys/net/") + path);
  return static_cast<char>(file.get());
}

void check_clean(int netns_fd) {
  CHECK(lines(ip_in(netns_fd, "rule"), "lookup 15008") == 0);
  CHECK(lines(ip_in(netns_fd, "-6 rule"), "lookup 15008") == 0);
  CHECK(lines(ip_in(netns_fd, "route show table 15008"), "default") == 0);
  CHECK(lines(ip_in(netns_fd, "-6 route show table 15008"), "default") == 0);
  CHECK(sysctl_in(netns_fd, "ipv4/tcp_fwmark_accept") == '0');
  CHECK(sysctl_in(netns_fd, "ipv4/fwmark_reflect") == '0');
  CHECK(sysctl_in(netns_fd, "ipv6/fwmark_reflect") == '0');
}

void check_set_up(int netns_fd) {
  CHECK(lines(ip_in(netns_fd, "rule"), "lookup 15008") == 2);
  CHECK(lines(ip_in(netns_fd, "-6 rule"), "lookup 15008") == 2);
  const auto four = ip_in(netns_fd, "route show table 15008");
  CHECK(lines(four, "local default dev lo") == 1);
  CHECK(lines(four, kPod4) == 1);
  const auto six = ip_in(netns_fd, "-6 route show table 15008");
  CHECK(lines(six, "local default dev lo") == 1);
  CHECK(lines(six, kPod6) == 1);
  CHECK(sysctl_in(netns_fd, "ipv4/tcp_fwmark_accept") == '1');
  CHECK(sysctl_in(netns_fd, "ipv4/fwmark_reflect") == '1');
  CHECK(sysctl_in(netns_fd, "ipv6/fwmark_reflect") == '1');
}

}  // namespace

TEST_CASE("the set-up of a netns can be repeated and taken back, twice each") {
  Rig rig;
  check_clean(rig.pod_netns());
  for (int i = 0; i < 2; ++i) {
    REQUIRE(enrol::set_up_netns(rig.pod_netns(), rig.pod_key().ips));
    check_set_up(rig.pod_netns());
  }
  for (int i = 0; i < 2; ++i) {
    CHECK(enrol::tear_down_netns(rig.pod_netns()));
    check_clean(rig.pod_netns());
  }
}

TEST_CASE("a set-up that fails half-way takes back what it had done and says which step failed") {
  Rig rig;
  // The IPv6 route fails last but two: its source is not an address of the pod.
  const auto result =
      enrol::set_up_netns(rig.pod_netns(), {at(kPod4, 0).ip, at("fd00:bad::1", 0).ip});
  REQUIRE_FALSE(result);
  CHECK(result.error().context.contains("add the IPv6 route to loopback from fd00:bad::1"));
  check_clean(rig.pod_netns());
}

TEST_CASE("a set-up that fails on a pod that was set up before leaves it set up") {
  Rig rig;
  REQUIRE(enrol::set_up_netns(rig.pod_netns(), rig.pod_key().ips));
  REQUIRE_FALSE(enrol::set_up_netns(rig.pod_netns(), {at(kPod4, 0).ip, at("fd00:bad::1", 0).ip}));
  check_set_up(rig.pod_netns());
}

TEST_CASE("a pod of one family gets rules of that family only") {
  Rig rig;
  REQUIRE(enrol::set_up_netns(rig.pod_netns(), {at(kPod4, 0).ip}));
  CHECK(lines(ip_in(rig.pod_netns(), "rule"), "lookup 15008") == 2);
  CHECK(lines(ip_in(rig.pod_netns(), "-6 rule"), "lookup 15008") == 0);
}

TEST_CASE("the pod's addresses are read from its netns, without loopback and link-local ones") {
  Rig rig;
  const auto found = enrol::pod_addresses(rig.pod_netns());
  REQUIRE(found);
  CHECK(*found == rig.pod_key().ips);
}

TEST_CASE("a netns without an address is not ready to be enrolled") {
  Rig rig;
  REQUIRE(lines(ip_in(rig.pod_netns(), "addr flush dev eth0"), "rror") == 0);
  CHECK(enrol::pod_addresses(rig.pod_netns()).error().code == Errc::not_found);
}

TEST_CASE("a port that the application holds is named in the error") {
  Rig rig;
  const auto app = rig.listen_in_pod(at("::", 15006));
  const auto listeners = enrol::make_listeners(rig.pod_netns());
  REQUIRE_FALSE(listeners);
  CHECK(listeners.error().code == Errc::limit);
  CHECK(listeners.error().context.contains("port 15006 is in use in the pod"));
}

TEST_CASE("a netns is known by its cookie and inode, and other descriptors are refused") {
  Rig rig;
  CHECK(enrol::netns_cookie(rig.pod_netns()).value() != 0);
  CHECK(enrol::netns_cookie(rig.pod_netns()).value() !=
        enrol::netns_cookie(rig.outside_netns()).value());
  CHECK(enrol::netns_inode(rig.pod_netns()));
  const Fd file(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
  CHECK(enrol::netns_inode(file.get()).error().code == Errc::config);
  CHECK_FALSE(enrol::netns_cookie(file.get()));
}
