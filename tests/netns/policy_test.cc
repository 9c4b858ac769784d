// Who may talk to whom, seen from the pods: policies written to the folder while traffic flows.
// SPDX-License-Identifier: Apache-2.0
#include "tests/netns/two_nodes.h"

namespace culvert::lab {

namespace {

constexpr auto kPolicyWithin = 1s;

bool served(const Pod& pod, const std::string& url) {
  return pod.curl(url, {"--max-time", "1"}).ok();
}

// What a process of the node, in the given cgroup, gets from the pod.
Command curl_from_node(const std::string& url) {
  return {"curl", "-sS", "--globoff", "--max-time", "2", url};
}

}  // namespace

TEST_CASE(
    "a DENY policy cuts what is open within a second and lets no byte of a new connection "
    "through") {
  TwoNodes pair("deny cuts");
  pair.mesh.start();
  Process& held = pair.client.start(
      {program("culvert-load"), "hold", pair.server.ip4(), std::to_string(kEchoPort)}, "held");
  REQUIRE(eventually(5s, [&] { return held.log().find("opened\": true") != std::string::npos; }));

  pair.mesh.apply("deny", deny_yaml("deny-client", pair.client, pair.server));
  CHECK(held.wait(kPolicyWithin).has_value());
  CHECK_FALSE(served(pair.client, pair.server.url("/after-the-policy")));
  CHECK_FALSE(served(pair.client, pair.shop.url6("/after-the-policy")));
  CHECK(pair.server.log("whoami").find("/after-the-policy") == std::string::npos);

  pair.mesh.withdraw("deny");
  CHECK(eventually(kPolicyWithin, [&] { return served(pair.client, pair.server.url()); }));
}

TEST_CASE("an ALLOW policy for one identity refuses every other, plaintext included") {
  TwoNodes pair("allow one");
  Pod& friendly = pair.mesh.pod("friendly", "east");
  Pod& outsider = pair.mesh.pod("outsider", "east").outside_the_mesh();
  pair.mesh.start();
  CHECK(served(outsider, pair.server.url()));
  pair.mesh.apply("allow", allow_yaml("friends", friendly, pair.server));
  CHECK(eventually(kPolicyWithin, [&] { return !served(pair.client, pair.server.url()); }));
  CHECK(served(friendly, pair.server.url()));
  CHECK(served(friendly, pair.shop.url6()));
  CHECK_FALSE(served(outsider, pair.server.url()));
}

TEST_CASE("under STRICT the kubelet reaches its pod directly and no other plaintext client does") {
  TwoNodes pair("strict");
  Pod& outsider = pair.mesh.pod("outsider", "east").outside_the_mesh();
  pair.mesh.apply("strict", strict_yaml());
  pair.mesh.start();
  for (const bool six : {false, true}) {
    CAPTURE(six);
    const std::string url = six ? pair.server.url6() : pair.server.url();
    CHECK_FALSE(served(outsider, url));
    CHECK_FALSE(pair.west.run_as_other(curl_from_node(url)).ok());
    const auto answer = answer_of(pair.west.run_as_kubelet(curl_from_node(url)));
    CHECK(answer.value("peer", "") == (six ? pair.west.ip6() : pair.west.ip4()));
    CHECK(served(pair.client, url));
  }
}

TEST_CASE("a policy that cannot be understood denies what it could have meant, and is reported") {
  TwoNodes pair("malformed policy");
  pair.mesh.start();
  std::string text = deny_yaml("half-written", pair.client, pair.server);
  text.replace(text.find("principals:"), std::string("principals:").size(), "principles:");
  pair.mesh.apply("malformed", text);
  CHECK(eventually(3s, [&] {
    return pair.west.ask_agent("/errors").find("half-written") != std::string::npos;
  }));
  INFO(pair.west.ask_agent("/errors"));
  CHECK_FALSE(served(pair.client, pair.server.url()));
  pair.mesh.withdraw("malformed");
  CHECK(eventually(kPolicyWithin, [&] { return served(pair.client, pair.server.url()); }));
}

}  // namespace culvert::lab
