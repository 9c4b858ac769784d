// Envoy as HBONE client of our inbound, as Istio's gateways and waypoints are.
// SPDX-License-Identifier: Apache-2.0
#include <signal.h>

#include "tests/interop/with_envoy.h"

namespace culvert::lab {

namespace {

constexpr const char* kLoopback = "127.0.0.1";
constexpr int kEcho = kEchoPort + kTunnelPortOffset;
constexpr int kEnds = kEndsPort + kTunnelPortOffset;

std::string http_url(std::string_view path = "/") {
  return fmt::format("http://{}:{}{}", kLoopback, kHttpPort + kTunnelPortOffset, path);
}

struct EnvoyClient : WithEnvoy {
  Envoy envoy;

  explicit EnvoyClient(
      std::string_view name, void (*vary)(EnvoySetup&) = [](EnvoySetup&) {})
      : WithEnvoy(name), envoy(gateway, (begin(), client_config(varied(vary)))) {}

  EnvoySetup varied(void (*vary)(EnvoySetup&)) const {
    EnvoySetup setup = client_setup();
    vary(setup);
    return setup;
  }

 private:
  void begin() {
    start_ends(server);
    mesh.start();
    certify(gateway);
  }
};

}  // namespace

TEST_CASE("Envoy reaches a pod, and every byte of 64 streams on one tunnel is right") {
  EnvoyClient both("envoy is the client");
  const auto answer = answer_of(both.gateway.curl(http_url()));
  CHECK(answer.value("server", "") == "server");
  CHECK(answer.value("peer", "") == both.gateway.ip4());
  check_streams(exchange(both.gateway, kLoopback, kEcho, 1, 20'000'000), 1);
  const long before = both.envoy.stat("cluster.hbone.upstream_rq_total");
  check_streams(exchange(both.gateway, kLoopback, kEcho, 64, 500'000), 64);
  INFO(both.envoy.stats("cluster.hbone"));
  CHECK(both.envoy.stat("cluster.hbone.upstream_rq_total") == before + 64);
  CHECK(both.envoy.stat("cluster.hbone.upstream_cx_http2_total") == 1);
}

TEST_CASE("half-closes of both sides pass Envoy's tunnel, and resets end what they should") {
  EnvoyClient both("envoy client ends");
  const auto ask = [&](const char* how) {
    const Outcome outcome = ask_ends(both.gateway, how, kLoopback, kEnds);
    INFO(how, ": ", outcome.err);
    CHECK(outcome.ok());
    return outcome.out;
  };
  CHECK(ask("server-closes") == "3 end\n");
  CHECK(ask("client-closes") == "1000 end\n");
  // Envoy knows that the stream was reset, and ends the connection in the ordinary way.
  CHECK(ask("server-resets") == "5 end\n");
  ask("client-resets");
  CHECK(eventually(
      3s, [&] { return both.server.log("ends").ends_with("client-resets 1000 reset\n"); }));
}

TEST_CASE("a policy sees the identity that Envoy proved, on new streams and on open ones") {
  EnvoyClient both("envoy client policy");
  const auto served = [&] { return both.gateway.curl(http_url(), {"--max-time", "1"}).ok(); };
  CHECK(served());
  Process& held = both.gateway.start(
      {program("culvert-load"), "hold", kLoopback, std::to_string(kEcho)}, "held");
  REQUIRE(eventually(5s, [&] { return held.log().find("opened\": true") != std::string::npos; }));

  both.mesh.apply("deny", deny_yaml("deny-gateway", both.gateway, both.server));
  CHECK(held.wait(2s).has_value());
  CHECK_FALSE(served());
  CHECK(eventually(2s, [&] {
    return has_line(both.west.ztunnel_log(),
                    {both.gateway.ip4(), "explicitly denied by: demo/deny-gateway"});
  }));
  both.mesh.withdraw("deny");
  CHECK(eventually(2s, served));

  both.mesh.apply("allow", allow_yaml("clients-only", both.client, both.server));
  CHECK(eventually(2s, [&] { return !served(); }));
  both.mesh.apply("allow", allow_yaml("gateway-only", both.gateway, both.server));
  CHECK(eventually(2s, served));
  CHECK_FALSE(both.client.curl(both.server.url()).ok());
  INFO(both.west.ztunnel_log());
}

TEST_CASE(
    "our drain cuts nothing of Envoy's: open streams end in their own time, new ones find the "
    "successor") {
  EnvoyClient both("envoy client drain");
  Process& churn = start_churn(both.gateway, kLoopback, kEcho, 6, 8);
  Process& slow =
      both.gateway.start({"curl", "-sS", "--max-time", "20", http_url("/slow")}, "slow");
  REQUIRE(eventually(5s, [&] { return both.envoy.stat("cluster.hbone.upstream_rq_total") > 50; }));
  both.west.ztunnel().send(SIGTERM);
  CHECK(both.west.ztunnel().wait(10s) == 0);
  both.west.start_ztunnel();
  CHECK(slow.wait(10s) == 0);
  check_churn(churn, 30s, 100);
  INFO(both.envoy.stats("cluster.hbone"), both.west.ztunnel_log());
  CHECK(both.envoy.stat("cluster.hbone.upstream_cx_total") >= 2);
}

TEST_CASE("a tunnel that Envoy closes when it is idle is no loss: the next stream has a new one") {
  EnvoyClient both("envoy client idle", [](EnvoySetup& setup) { setup.idle_timeout = "1s"; });
  answer_of(both.gateway.curl(http_url()));
  CHECK(eventually(5s, [&] { return both.envoy.stat("cluster.hbone.upstream_cx_active") == 0; }));
  answer_of(both.gateway.curl(http_url()));
  CHECK(both.envoy.stat("cluster.hbone.upstream_cx_total") == 2);
}

}  // namespace culvert::lab
