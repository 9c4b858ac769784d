// What nobody can do: get around the capture, reach a port that should not be there, find rights
// that ztunnel does not need, or traces of a pod that left the mesh.
// SPDX-License-Identifier: Apache-2.0
#include <linux/capability.h>

#include <cstdlib>
#include <sstream>

#include "tests/netns/two_nodes.h"

namespace culvert::lab {

namespace {

// Effective capabilities of a process, as /proc shows them.
std::uint64_t capabilities_of(pid_t pid) {
  const std::string status = read_file(fmt::format("/proc/{}/status", pid));
  const std::size_t at = status.find("CapEff:");
  return at == std::string::npos ? ~0ull : std::strtoull(status.c_str() + at + 7, nullptr, 16);
}

// The listening TCP ports of a namespace that are not on loopback.
std::set<int> open_ports(const std::string& netns) {
  std::istringstream lines(must_run({netns, {}}, {"ss", "-Htln"}));
  std::set<int> ports;
  std::string state, received, queued, local, rest;
  while (lines >> state >> received >> queued >> local && std::getline(lines, rest)) {
    if (!local.starts_with("127.") && !local.starts_with("[::1]")) {
      ports.insert(std::atoi(local.c_str() + local.rfind(':') + 1));
    }
  }
  return ports;
}

}  // namespace

TEST_CASE("a pod with CAP_NET_RAW that marks, binds and pretends is captured all the same") {
  TwoNodes pair("net raw");
  pair.mesh.start();
  Capture wire = pair.mesh.capture();
  for (const std::string& address : {pair.server.ip4(), pair.server.ip6()}) {
    const Outcome tried = pair.client.run(
        {"setpriv", "--bounding-set=-all,+net_raw", "--inh-caps=-all,+net_raw", "python3", "-B",
         source_folder() + "/tests/support/programs/bypass.py", address, std::to_string(kHttpPort)},
        60s);
    INFO(tried.out, tried.err);
    CHECK(tried.ok());
    // The tricks were allowed by the kernel, or this would prove nothing.
    CHECK(tried.out.find("not permitted") == std::string::npos);
  }
  wire.stop();
  CHECK_FALSE(wire.holds("bypass-canary"));
  const std::set<int> ports = wire.ports_between(pair.client, pair.server);
  CHECK((ports.empty() || ports == std::set<int>{15008}));
}

TEST_CASE(
    "ztunnel keeps NET_ADMIN, SYS_ADMIN and NET_RAW, and listens where the table of ports says") {
  TwoNodes pair("rights and ports");
  pair.mesh.start();
  const std::uint64_t wanted = 1ull << CAP_NET_ADMIN | 1ull << CAP_SYS_ADMIN | 1ull << CAP_NET_RAW;
  for (Node& node : pair.mesh.nodes()) {
    INFO(node.name());
    CHECK(capabilities_of(node.ztunnel().pid()) == wanted);
    CHECK(open_ports(node.paths().netns) == std::set<int>{15020, 15021});
  }
  CHECK(open_ports(pair.client.netns()) == std::set<int>{15001, 15006, 15008});
}

TEST_CASE("a pod that leaves the mesh talks in plaintext, and its namespace is as it was") {
  TwoNodes pair("un-enrolment");
  const auto rules = [&] {
    return must_run({pair.client.netns(), {}}, {"ip", "rule"}) +
           must_run({pair.client.netns(), {}}, {"ip", "-6", "rule"});
  };
  const std::string before = rules();
  pair.mesh.start();
  CHECK(rules() != before);
  answer_of(pair.client.curl(pair.server.url()));
  CHECK(pair.east.unenrol(pair.client) == "");
  CHECK(eventually(10s, [&] { return rules() == before; }));
  CHECK(eventually(10s, [&] { return open_ports(pair.client.netns()).empty(); }));
  Capture wire = pair.mesh.capture();
  CHECK(answer_of(pair.client.curl(pair.server.url("/plain-again"))).value("peer", "") ==
        pair.client.ip4());
  wire.stop();
  CHECK(wire.holds("/plain-again"));
}

TEST_CASE("a pod that is enrolled twice, or after its neighbours, works like any other") {
  TwoNodes pair("late enrolment");
  pair.mesh.start();
  CHECK(pair.east.try_enrol(pair.client) == "");
  Pod& late = pair.mesh.pod("late", "east");
  pair.mesh.write_objects();
  pair.east.enrol(late);
  pair.mesh.wait_known();
  CHECK(answer_of(late.curl(pair.shop.url())).value("peer", "") == late.ip4());
  CHECK(answer_of(pair.client.curl(pair.server.url())).value("peer", "") == pair.client.ip4());
}

}  // namespace culvert::lab
