// Certificates change under open streams, on both sides and with an Envoy at either end.
// SPDX-License-Identifier: Apache-2.0
#include "tests/interop/with_envoy.h"

namespace culvert::lab {

namespace {

// A certificate is renewed between 40 and 60 % of its life, of which two minutes are before now: so
// after 15 s at the latest, and sometimes at once.
constexpr const char* kShortLifetime = "105s";
constexpr int kLoadSeconds = 17;

int certificates_issued(const Node& node, const std::string& identity) {
  const std::string log = node.agent_log();
  int count = 0;
  for (std::size_t from = 0; from < log.size();) {
    const std::size_t end = std::min(log.find('\n', from), log.size());
    const std::string_view line = std::string_view(log).substr(from, end - from);
    count += line.find("certificate issued") != line.npos && line.find(identity) != line.npos;
    from = end + 1;
  }
  return count;
}

Process& hold(Pod& pod, const std::string& address, int port) {
  Process& held =
      pod.start({program("culvert-load"), "hold", address, std::to_string(port)}, "held");
  CHECK(eventually(5s, [&] { return held.log().find("opened\": true") != std::string::npos; }));
  return held;
}

}  // namespace

TEST_CASE("certificates of Envoy and of our pods change every few seconds, and nothing is lost") {
  WithEnvoy lab("envoy rotation");
  lab.remote.serving_http().serving_echo();
  lab.mesh.write_objects();
  for (Node& node : lab.mesh.nodes()) {
    node.start_agent({"--certificate-lifetime", kShortLifetime});
    node.start_ztunnel();
  }
  lab.mesh.enrol_pods();
  for (Node& node : lab.mesh.nodes()) {
    node.wait_ready();
  }
  lab.mesh.wait_known();
  lab.certify(lab.gateway);
  lab.certify(lab.remote);
  // Tunnels end now and then, so that the next ones are made with the new certificates.
  EnvoySetup client = lab.client_setup();
  client.requests_per_tunnel = 100;
  EnvoySetup server = lab.server_setup();
  server.requests_per_tunnel = 100;
  server.drain_timeout = "0.2s";
  Envoy as_client(lab.gateway, client_config(client));
  Envoy as_server(lab.remote, server_config(server));

  const int echo = kEchoPort + kTunnelPortOffset;
  Process& held_in = hold(lab.gateway, "127.0.0.1", echo);
  Process& held_out = hold(lab.client, lab.remote.ip4(), kEchoPort);
  Process& churn_in = start_churn(lab.gateway, "127.0.0.1", echo, kLoadSeconds, 4);
  Process& churn_out = start_churn(lab.client, lab.remote.ip4(), kEchoPort, kLoadSeconds, 4);
  int rotations = 0;
  while (churn_in.alive() || churn_out.alive()) {
    std::this_thread::sleep_for(2s);
    lab.certify(lab.gateway);
    lab.certify(lab.remote);
    ++rotations;
  }
  check_churn(churn_in, 1s, 100);
  check_churn(churn_out, 1s, 100);
  CHECK(held_in.alive());
  CHECK(held_out.alive());

  INFO(as_client.stats("ssl|upstream_cx_total"), as_server.stats("ssl|downstream_cx_total"));
  CHECK(as_client.stat("cluster.hbone.client_ssl_socket_factory.ssl_context_update_by_sds") >=
        rotations);
  CHECK(as_server.stat(
            "listener.0.0.0.0_15008.server_ssl_socket_factory.ssl_context_update_by_sds") >=
        rotations);
  CHECK(as_client.stat("cluster.hbone.upstream_cx_total") >= 3);
  CHECK(as_server.stat("http.hbone.downstream_cx_total") >= 3);
  CHECK(as_client.stat("cluster.hbone.ssl.fail_verify_san") == 0);
  CHECK(as_server.stat("listener.0.0.0.0_15008.ssl.fail_verify_error") == 0);
  CHECK(certificates_issued(lab.west, lab.server.identity()) >= 2);
  CHECK(certificates_issued(lab.east, lab.client.identity()) >= 2);
}

}  // namespace culvert::lab
