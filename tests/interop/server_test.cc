// Envoy as HBONE server of our outbound, as Istio's waypoints are.
// SPDX-License-Identifier: Apache-2.0
#include "tests/interop/with_envoy.h"

namespace culvert::lab {

namespace {

struct EnvoyServer : WithEnvoy {
  Envoy envoy;

  explicit EnvoyServer(
      std::string_view name, void (*vary)(EnvoySetup&) = [](EnvoySetup&) {})
      : WithEnvoy(name), envoy(remote, (begin(), server_config(varied(vary)))) {}

  EnvoySetup varied(void (*vary)(EnvoySetup&)) const {
    EnvoySetup setup = server_setup();
    vary(setup);
    return setup;
  }
  long tunnels() const { return envoy.stat("http.hbone.downstream_cx_total"); }

 private:
  void begin() {
    remote.serving_http().serving_echo();
    start_ends(remote);
    mesh.start();
    certify(remote);
  }
};

constexpr int kWorkers = 2;  // each of our workers has tunnels of its own

}  // namespace

TEST_CASE("a pod is reached in Envoy's tunnel, and every byte of 64 streams is right") {
  EnvoyServer both("envoy is the server");
  const auto answer = answer_of(both.client.curl(both.remote.url()));
  CHECK(answer.value("server", "") == "remote");
  check_streams(exchange(both.client, both.remote.ip4(), kEchoPort, 1, 20'000'000), 1);
  check_streams(exchange(both.client, both.remote.ip4(), kEchoPort, 64, 500'000), 64);
  INFO(both.envoy.stats("http.hbone"));
  CHECK(both.tunnels() <= kWorkers);
  CHECK(both.envoy.stat("http.hbone.downstream_rq_total") == 66);
}

TEST_CASE("a client's half-close passes a tunnel to Envoy, and resets end what they should") {
  EnvoyServer both("envoy server ends");
  const auto ask = [&](const char* how) {
    const Outcome outcome = ask_ends(both.client, how, both.remote.ip4(), kEndsPort);
    INFO(how, ": ", outcome.err);
    CHECK(outcome.ok());
    return outcome.out;
  };
  CHECK(ask("server-closes") == "3 end\n");
  // Envoy's HTTP server ends a stream with its answer (END_STREAM, then RST_STREAM NO_ERROR, RFC
  // 9113 §8.1): what the client sends after the application's end goes nowhere.
  CHECK(eventually(3s, [&] { return both.remote.log("ends").ends_with("server-closes 0 end\n"); }));
  CHECK(ask("client-closes") == "1000 end\n");
  CHECK(ask("server-resets") == "5 reset\n");
  // Envoy knows that the stream was reset, and ends the connection in the ordinary way.
  ask("client-resets");
  CHECK(eventually(3s,
                   [&] { return both.remote.log("ends").ends_with("client-resets 1000 end\n"); }));
  INFO(both.remote.log("ends"));
  CHECK(both.envoy.stat("http.hbone.downstream_rq_rx_reset") >= 1);
}

TEST_CASE("Envoy says GOAWAY again and again under load, and no request fails") {
  EnvoyServer both("envoy server goaway", [](EnvoySetup& setup) {
    setup.requests_per_tunnel = 20;
    setup.tunnel_life = "0.7s";
    setup.drain_timeout = "0.2s";
  });
  check_churn(start_churn(both.client, both.remote.ip4(), kEchoPort, 5, 8), 30s, 100);
  INFO(both.envoy.stats("http.hbone"));
  CHECK(both.tunnels() > 10);
}

TEST_CASE("Envoy allows 16 streams at once, and 64 connections have what they need") {
  EnvoyServer both("envoy server few streams", [](EnvoySetup& setup) { setup.streams_max = 16; });
  check_streams(exchange(both.client, both.remote.ip4(), kEchoPort, 64, 100'000), 64);
  INFO(both.envoy.stats("http.hbone"));
  CHECK(both.tunnels() >= 4);
}

TEST_CASE(
    "a tunnel that Envoy closes when it is idle is no loss: the next connection has a new one") {
  EnvoyServer both("envoy server idle", [](EnvoySetup& setup) {
    setup.idle_timeout = "1s";
    setup.drain_timeout = "0.2s";
  });
  answer_of(both.client.curl(both.remote.url()));
  CHECK(eventually(5s, [&] { return both.envoy.stat("http.hbone.downstream_cx_active") == 0; }));
  answer_of(both.client.curl(both.remote.url()));
  CHECK(both.tunnels() == 2);
}

}  // namespace culvert::lab
