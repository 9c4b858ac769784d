// Identities that the mesh must not take, shown by Envoy on either side of a tunnel. All else is
// right each time, and it works again with the right one.
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <functional>
#include <sstream>

#include "tests/interop/with_envoy.h"

namespace culvert::lab {

namespace {

struct Wrong {
  const char* what;
  std::function<void(const WithEnvoy& lab, const Pod& pod)> certify;
  const char* said;  // by the log of our outbound
};

const std::vector<Wrong>& wrong_certificates() {
  using Uris = std::vector<std::string>;
  static const std::vector<Wrong> all = {
      {"another root",
       [](const WithEnvoy& lab, const Pod& pod) {
         write_secret(lab.secret(pod), stranger(), {pod.identity()});
       },
       "certificate"},
      {"another trust domain",
       [](const WithEnvoy& lab, const Pod& pod) {
         write_secret(lab.secret(pod), authority_of(lab.mesh),
                      Uris{"spiffe://elsewhere.example/ns/demo/sa/" + pod.name()});
       },
       "elsewhere.example"},
      {"two SPIFFE IDs",
       [](const WithEnvoy& lab, const Pod& pod) {
         write_secret(lab.secret(pod), authority_of(lab.mesh),
                      Uris{pod.identity(), "spiffe://cluster.local/ns/demo/sa/admin"});
       },
       "SPIFFE"},
      {"no SPIFFE ID",
       [](const WithEnvoy& lab, const Pod& pod) {
         write_secret(lab.secret(pod), authority_of(lab.mesh), Uris{"https://elsewhere.example/"});
       },
       "spiffe://"},
  };
  return all;
}

// The sum of istio_tcp_connections_failed_total over its labels.
long failures_of(const Node& node) {
  std::istringstream lines(node.metrics());
  long sum = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("istio_tcp_connections_failed_total")) {
      sum += std::atol(line.c_str() + line.rfind(' ') + 1);
    }
  }
  return sum;
}

// A secret that was replaced is used a moment later.
void wait_for_secret(const Envoy& envoy, const std::string& factory, long before) {
  CHECK(
      eventually(5s, [&] { return envoy.stat(factory + ".ssl_context_update_by_sds") > before; }));
}

}  // namespace

TEST_CASE("our inbound refuses an Envoy that shows an identity which is none") {
  WithEnvoy lab("envoy client identity");
  lab.mesh.start();
  lab.certify(lab.gateway);
  EnvoySetup setup = lab.client_setup();
  setup.idle_timeout = "0.2s";  // each attempt has a handshake of its own
  Envoy envoy(lab.gateway, client_config(setup));
  const std::string factory = "cluster.hbone.client_ssl_socket_factory";
  const auto served = [&] {
    return lab.gateway
        .curl(fmt::format("http://127.0.0.1:{}/", kHttpPort + kTunnelPortOffset),
              {"--max-time", "3"})
        .ok();
  };
  CHECK(served());
  for (const Wrong& wrong : wrong_certificates()) {
    INFO(wrong.what);
    const long failures = failures_of(lab.west);
    long before = envoy.stat(factory + ".ssl_context_update_by_sds");
    wrong.certify(lab, lab.gateway);
    wait_for_secret(envoy, factory, before);
    std::this_thread::sleep_for(500ms);  // the tunnel of the last attempt ends meanwhile
    CHECK_FALSE(served());
    CHECK(lab.client.curl(lab.server.url()).ok());
    CHECK(failures_of(lab.west) > failures);

    before = envoy.stat(factory + ".ssl_context_update_by_sds");
    lab.certify(lab.gateway);
    wait_for_secret(envoy, factory, before);
    CHECK(eventually(3s, served));
  }
  // Who knocks at our door can't fill the log: lines are limited by kind. The first of each is
  // there.
  const std::string log = lab.west.ztunnel_log();
  INFO(log);
  CHECK(has_line(log, {lab.gateway.ip4(), "tunnel refused", "certificate"}));
  CHECK(has_line(log, {lab.gateway.ip4(), "tunnel refused", "elsewhere.example"}));
}

TEST_CASE("our outbound sends nothing to an Envoy that shows another identity than the pod's") {
  WithEnvoy lab("envoy server identity");
  lab.remote.serving_http();
  lab.mesh.start();
  lab.certify(lab.remote);
  EnvoySetup setup = lab.server_setup();
  setup.idle_timeout = "0.2s";
  setup.drain_timeout = "0.1s";
  Envoy envoy(lab.remote, server_config(setup));
  const std::string factory = "listener.0.0.0.0_15008.server_ssl_socket_factory";
  const auto served = [&] { return lab.client.curl(lab.remote.url(), {"--max-time", "3"}).ok(); };
  CHECK(served());
  auto all = wrong_certificates();
  all.push_back({"another pod's identity",
                 [](const WithEnvoy& topology, const Pod& pod) {
                   write_secret(topology.secret(pod), authority_of(topology.mesh),
                                {"spiffe://cluster.local/ns/demo/sa/someone-else"});
                 },
                 "someone-else"});
  for (const Wrong& wrong : all) {
    INFO(wrong.what);
    const std::size_t logged = lab.east.ztunnel_log().size();
    const long requests = envoy.stat("http.hbone.downstream_rq_total");
    long before = envoy.stat(factory + ".ssl_context_update_by_sds");
    wrong.certify(lab, lab.remote);
    wait_for_secret(envoy, factory, before);
    std::this_thread::sleep_for(700ms);
    CHECK_FALSE(served());
    CHECK(envoy.stat("http.hbone.downstream_rq_total") == requests);
    CHECK(lab.client.curl(lab.server.url()).ok());
    const std::string said = lab.east.ztunnel_log().substr(logged);
    INFO(said);
    CHECK(has_line(said, {lab.remote.ip4(), wrong.said}));

    before = envoy.stat(factory + ".ssl_context_update_by_sds");
    lab.certify(lab.remote);
    wait_for_secret(envoy, factory, before);
    CHECK(eventually(5s, served));
  }
}

}  // namespace culvert::lab
