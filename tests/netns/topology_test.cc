// The ground under all other netns tests: without a mesh, pods reach each other, the capture sees
// it, and nothing stays behind.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <unistd.h>

#include "tests/support/grounds.h"
#include "tests/support/mesh.h"

namespace culvert::lab {

TEST_CASE("without a mesh pods talk in plaintext, and the capture sees it") {
  Mesh mesh("topology plaintext");
  Pod& client = mesh.pod("client", "east").outside_the_mesh();
  Pod& server = mesh.pod("server", "west").outside_the_mesh().serving_http();
  Capture wire = mesh.capture();
  const Outcome four = client.curl(server.url("/canary-four"));
  const Outcome six = client.curl(server.url6("/canary-six"));
  wire.stop();

  CHECK(four.out.find("\"peer\": \"" + client.ip4()) != std::string::npos);
  CHECK(six.out.find("\"peer\": \"" + client.ip6()) != std::string::npos);
  CHECK(wire.holds("/canary-four"));
  CHECK(wire.holds("/canary-six"));
  CHECK_FALSE(wire.holds("/canary-seven"));
  CHECK(wire.ports_between(client, server) == std::set<int>{kHttpPort});
}

TEST_CASE("without a mesh nobody serves a VIP") {
  Mesh mesh("topology vip");
  Pod& client = mesh.pod("client", "east").outside_the_mesh();
  const ServiceSpec& service = mesh.service("shop", {});
  const Outcome answer = client.curl(service.url(), {"--max-time", "1"});
  CHECK_FALSE(answer.ok());
}

TEST_CASE("teardown ends every program and leaves nothing") {
  pid_t server = 0;
  {
    Mesh mesh("topology teardown");
    Pod& pod = mesh.pod("server", "east").outside_the_mesh();
    server = pod.start({"sleep", "1000"}, "sleep").pid();
    REQUIRE(::access(("/proc/" + std::to_string(server)).c_str(), F_OK) == 0);
    CHECK_FALSE(mesh.grounds().left_overs().empty());
  }
  CHECK(::access(("/proc/" + std::to_string(server)).c_str(), F_OK) != 0);
  CHECK(Grounds::existing("cv-topology-teardown").left_overs().empty());
}

TEST_CASE("the grounds of a scenario that was killed are cleared by the next of its name") {
  Mesh killed("topology killed");
  killed.leave_running();  // as after a kill -9: its destructor takes nothing down
  killed.pod("server", "east").outside_the_mesh().start({"sleep", "1000"}, "sleep");
  {
    Mesh next("topology killed");
    CHECK(next.pod("client", "east").run({"true"}).ok());
  }
  CHECK(Grounds::existing("cv-topology-killed").left_overs().empty());
}

}  // namespace culvert::lab
