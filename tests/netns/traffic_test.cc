// Pods talk through the mesh: who answers, whom the server sees, what the wire shows, how
// connections end.
// SPDX-License-Identifier: Apache-2.0
#include "tests/netns/two_nodes.h"

namespace culvert::lab {

namespace {

constexpr const char* kCanary = "canary-on-the-wire";
constexpr const char* kEndsPort = "8082";

}  // namespace

TEST_CASE(
    "a pod is answered by pod IP and by service VIP, in both families, and its own address is "
    "seen") {
  TwoNodes pair("by ip and vip");
  pair.mesh.start();
  Capture wire = pair.mesh.capture();
  const struct {
    std::string url;
    std::string own;
  } calls[] = {{pair.server.url(), pair.client.ip4()},
               {pair.server.url6(), pair.client.ip6()},
               {pair.shop.url(), pair.client.ip4()},
               {pair.shop.url6(), pair.client.ip6()}};
  for (const auto& [url, own] : calls) {
    INFO(url);
    const auto answer =
        answer_of(pair.client.curl(url + kCanary, {"-H", std::string("X-Canary: ") + kCanary}));
    CHECK(answer.value("server", "") == "server");
    CHECK(answer.value("peer", "") == own);
    CHECK(answer.value("canary", "") == kCanary);
  }
  wire.stop();
  CHECK_FALSE(wire.holds(kCanary));
  CHECK(wire.ports_between(pair.client, pair.server) == std::set<int>{15008});
}

TEST_CASE("access log and metrics of both sides name both identities") {
  TwoNodes pair("who is named");
  pair.mesh.start();
  answer_of(pair.client.curl(pair.shop.url()));
  const std::string source = "src.identity=\"" + pair.client.identity();
  const std::string target = "dst.identity=\"" + pair.server.identity();
  for (const auto& [node, direction] :
       {std::pair{&pair.east, "outbound"}, std::pair{&pair.west, "inbound"}}) {
    INFO(node->name());
    CHECK(eventually(3s, [&] {
      return has_line(node->ztunnel_log(),
                      {source, target, std::string("direction=\"") + direction});
    }));
    INFO(node->ztunnel_log());
    CHECK(eventually(3s, [&] {
      return has_line(node->metrics(),
                      {"istio_tcp_connections_opened_total{", pair.client.identity(),
                       pair.server.identity(), "connection_security_policy=\"mutual_tls\""});
    }));
  }
}

TEST_CASE("pods of one node and a pod that calls itself are served") {
  TwoNodes pair("same node");
  Pod& neighbour = pair.mesh.pod("neighbour", "west");
  pair.mesh.start();
  for (const Pod* caller : {&neighbour, &pair.server}) {
    INFO(caller->name());
    CHECK(answer_of(caller->curl(pair.server.url())).value("peer", "") == caller->ip4());
    CHECK(answer_of(caller->curl(pair.server.url6())).value("peer", "") == caller->ip6());
    CHECK(answer_of(caller->curl(pair.shop.url())).value("server", "") == "server");
  }
}

TEST_CASE("what is outside the mesh is reached in plaintext, with the pod's own address") {
  TwoNodes pair("passthrough");
  Pod& outsider = pair.mesh.pod("outsider", "west").outside_the_mesh().serving_http();
  pair.mesh.start();
  CHECK(answer_of(pair.client.curl(outsider.url())).value("peer", "") == pair.client.ip4());
  CHECK(answer_of(pair.client.curl(outsider.url6())).value("peer", "") == pair.client.ip6());
  CHECK(answer_of(outsider.curl(pair.server.url())).value("peer", "") == outsider.ip4());
}

TEST_CASE("bytes arrive whole: a large body up, and as many bytes as were sent over one stream") {
  TwoNodes pair("large bodies");
  pair.mesh.start();
  const Outcome up = pair.client.run(
      {"bash", "-c",
       "head -c 20000000 /dev/zero | curl -sS --max-time 30 --data-binary @- " + pair.server.url()},
      40s);
  CHECK(answer_of(up).value("body_bytes", 0) == 20000000);
  const Outcome bulk = pair.client.run(
      {program("culvert-load"), "bulk", pair.server.ip4(), std::to_string(kEchoPort), "2"}, 60s);
  INFO(bulk.out, bulk.err);
  CHECK(bulk.exit_code == 0);
}

TEST_CASE("half-closes and resets cross the mesh in both directions") {
  TwoNodes pair("how connections end");
  const std::string script = source_folder() + "/tests/support/programs/ends.py";
  Process& serving = pair.server.start({"python3", "-B", script, "serve", kEndsPort}, "ends");
  pair.mesh.start();
  const auto ask = [&](const char* how) {
    const Outcome outcome =
        pair.client.run({"python3", "-B", script, how, pair.server.ip4(), kEndsPort}, 15s);
    INFO(how, ": ", outcome.err);
    CHECK(outcome.ok());
    return outcome.out;
  };
  CHECK(ask("server-closes") == "3 end\n");
  CHECK(eventually(
      3s, [&] { return serving.log().find("server-closes 1000 end") != std::string::npos; }));
  CHECK(ask("client-closes") == "1000 end\n");
  CHECK(ask("server-resets") == "5 reset\n");
  ask("client-resets");
  CHECK(eventually(
      3s, [&] { return serving.log().find("client-resets 1000 reset") != std::string::npos; }));
  INFO(serving.log());
}

TEST_CASE("a connection to a closed port fails at once, and names its cause in the log") {
  TwoNodes pair("closed port");
  pair.mesh.start();
  const auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(pair.client.curl("http://" + pair.server.ip4() + ":9").ok());
  CHECK(std::chrono::steady_clock::now() - start < 3s);
  CHECK(eventually(
      3s, [&] { return has_line(pair.east.ztunnel_log(), {"dst.addr", ":9", "error="}); }));
}

TEST_CASE("a service behind a waypoint is refused by name, and never reached around it") {
  TwoNodes pair("behind a waypoint");
  pair.mesh.apply("walled", "apiVersion: v1\nkind: Service\nmetadata: {name: walled, namespace: " +
                                std::string(kNamespace) +
                                ", labels: {istio.io/use-waypoint: wp}}\n"
                                "spec: {clusterIP: 10.96.0.99, clusterIPs: [10.96.0.99], "
                                "ports: [{port: 80, targetPort: 80}]}\n"
                                "---\napiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n"
                                "metadata: {name: wp, namespace: " +
                                std::string(kNamespace) +
                                "}\nspec: {gatewayClassName: culvert-waypoint}\n");
  pair.mesh.start();
  CHECK(pair.client.curl(pair.shop.url()).ok());
  CHECK_FALSE(pair.client.curl("http://10.96.0.99/").ok());
  CHECK(eventually(3s, [&] {
    return has_line(pair.east.ztunnel_log(), {"connection failed", "10.96.0.99:80", "waypoint"});
  }));
}

}  // namespace culvert::lab
