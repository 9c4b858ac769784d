// SPDX-License-Identifier: Apache-2.0
#include "tests/interop/envoy_config.h"

#include <fmt/format.h>

#include "tests/support/pod.h"

namespace culvert::lab {

namespace {

constexpr int kPorts[] = {kHttpPort, kEchoPort, kEndsPort};

std::string admin() {
  return fmt::format(R"(admin:
  address:
    socket_address:
      address: 127.0.0.1
      port_value: {}
static_resources:
)",
                     kEnvoyAdminPort);
}

// The TLS of both ends: own certificate by SDS, ALPN h2, TLS 1.3 as Istio sets it.
std::string tls_context(const EnvoySetup& setup, const char* match, const char* indent) {
  const std::string text = fmt::format(R"(common_tls_context:
  alpn_protocols:
  - h2
  tls_params:
    tls_minimum_protocol_version: TLSv1_3
    tls_maximum_protocol_version: TLSv1_3
  tls_certificate_sds_secret_configs:
  - name: own
    sds_config:
      path_config_source:
        path: {}
      resource_api_version: V3
  validation_context:
    trusted_ca:
      filename: {}
    match_typed_subject_alt_names:
    - san_type: URI
      matcher:
        {}: {}
)",
                                       setup.secret, setup.root, match, setup.peer);
  std::string indented;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = text.find('\n', from) + 1;
    indented += indent + text.substr(from, end - from);
    from = end;
  }
  return indented;
}

std::string tunnel_requests(const EnvoySetup& setup, const char* indent) {
  return setup.requests_per_tunnel == 0 ? ""
                                        : fmt::format("{}max_requests_per_connection: {}\n", indent,
                                                      setup.requests_per_tunnel);
}

std::string tunnel_listener(const EnvoySetup& setup, int port) {
  return fmt::format(R"(  - name: to-{0}
    address:
      socket_address:
        address: 127.0.0.1
        port_value: {1}
    filter_chains:
    - filters:
      - name: envoy.filters.network.tcp_proxy
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: to_{0}
          cluster: hbone
          tunneling_config:
            hostname: {2}:{0}
            headers_to_add:
            - header:
                key: baggage
                value: k8s.cluster.name=Kubernetes,k8s.namespace.name=demo,k8s.deployment.name=gateway,service.name=gateway,service.version=v7
            - header:
                key: x-istio-source
                value: gateway
            - header:
                key: x-forwarded-proto
                value: https
            - header:
                key: x-request-id
                value: 5f2c7b52-5e2f-9f3e-8f0c-6a5d3b1c2d10
            - header:
                key: x-envoy-original-dst-host
                value: 10.0.0.1:80
            - header:
                key: forwarded
                value: for="10.0.0.9:1234";host=shop.demo.svc.cluster.local
)",
                     port, port + kTunnelPortOffset, setup.target);
}

std::string application_route(const EnvoySetup& setup, int port) {
  return fmt::format(R"(            - name: port-{0}
              domains:
              - "{1}:{0}"
              routes:
              - match:
                  connect_matcher:
                    {{}}
                route:
                  cluster: port-{0}
                  timeout: 0s
                  upgrade_configs:
                  - upgrade_type: CONNECT
                    connect_config:
                      {{}}
)",
                     port, setup.target);
}

std::string application_cluster(int port) {
  return fmt::format(R"(  - name: port-{0}
    type: STATIC
    connect_timeout: 5s
    load_assignment:
      cluster_name: port-{0}
      endpoints:
      - lb_endpoints:
        - endpoint:
            address:
              socket_address:
                address: 127.0.0.1
                port_value: {0}
)",
                     port);
}

}  // namespace

std::string client_config(const EnvoySetup& setup) {
  std::string text = admin() + "  listeners:\n";
  for (const int port : kPorts) {
    text += tunnel_listener(setup, port);
  }
  text += fmt::format(R"(  clusters:
  - name: hbone
    type: STATIC
    connect_timeout: 20s
    load_assignment:
      cluster_name: hbone
      endpoints:
      - lb_endpoints:
        - endpoint:
            address:
              socket_address:
                address: {}
                port_value: 15008
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        common_http_protocol_options:
          idle_timeout: {}
{}        explicit_http_config:
          http2_protocol_options:
            allow_connect: true
            connection_keepalive:
              interval: 10s
              timeout: 20s
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
)",
                      setup.target, setup.idle_timeout, tunnel_requests(setup, "          "));
  return text + tls_context(setup, "exact", "        ");
}

std::string server_config(const EnvoySetup& setup) {
  std::string text = admin() + R"(  listeners:
  - name: hbone
    address:
      socket_address:
        address: 0.0.0.0
        port_value: 15008
    filter_chains:
    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          require_client_certificate: true
)" + tls_context(setup, "prefix", "          ");
  text += fmt::format(
      R"(      filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: hbone
          codec_type: HTTP2
          drain_timeout: {1}
          common_http_protocol_options:
            idle_timeout: {2}
{3}{4}          http2_protocol_options:
            allow_connect: true
            max_concurrent_streams: {0}
            connection_keepalive:
              interval: 10s
              timeout: 20s
          upgrade_configs:
          - upgrade_type: CONNECT
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
          route_config:
            virtual_hosts:
)",
      setup.streams_max, setup.drain_timeout, setup.idle_timeout,
      tunnel_requests(setup, "            "),
      setup.tunnel_life.empty()
          ? ""
          : fmt::format("            max_connection_duration: {}\n", setup.tunnel_life));
  for (const int port : kPorts) {
    text += application_route(setup, port);
  }
  text += "  clusters:\n";
  for (const int port : kPorts) {
    text += application_cluster(port);
  }
  return text;
}

}  // namespace culvert::lab
