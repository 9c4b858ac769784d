// Metric names, labels and their order are an interface: they are checked to the byte.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/obs/metrics.h"

#include <doctest/doctest.h>

#include <optional>
#include <thread>

namespace culvert::obs {
namespace {

bool has_line(const std::string& text, std::string_view line) {
  return ("\n" + text).find("\n" + std::string(line) + "\n") != std::string::npos;
}

TcpLabels full_labels() {
  return {.reporter = Reporter::destination,
          .source = {.workload = "client",
                     .canonical_service = "client-svc",
                     .canonical_revision = "v1",
                     .workload_namespace = "shop",
                     .principal = "spiffe://cluster.local/ns/shop/sa/client",
                     .app = "client-app",
                     .version = "1",
                     .cluster = "Kubernetes",
                     .region = "r1",
                     .zone = "z1"},
          .destination = {.workload = "server"},
          .destination_service = "server.shop.svc.cluster.local",
          .destination_service_namespace = "shop",
          .destination_service_name = "server",
          .mutual_tls = true};
}

TEST_CASE("the TCP set has Istio's labels in Istio's order, unknown where nothing is known") {
  Metrics metrics("ztunnel", "0.1.0");
  TcpMetrics& worker = metrics.add_worker();
  const TcpConnection connection(worker, full_labels());
  CHECK(has_line(
      metrics.expose("").body,
      "istio_tcp_connections_opened_total{reporter=\"destination\",source_workload=\"client\","
      "source_canonical_service=\"client-svc\",source_canonical_revision=\"v1\","
      "source_workload_namespace=\"shop\","
      "source_principal=\"spiffe://cluster.local/ns/shop/sa/client\",source_app=\"client-app\","
      "source_version=\"1\",source_cluster=\"Kubernetes\","
      "destination_service=\"server.shop.svc.cluster.local\",destination_service_namespace="
      "\"shop\","
      "destination_service_name=\"server\",destination_workload=\"server\","
      "destination_canonical_service=\"unknown\",destination_canonical_revision=\"unknown\","
      "destination_workload_namespace=\"unknown\",destination_principal=\"unknown\","
      "destination_app=\"unknown\",destination_version=\"unknown\",destination_cluster=\"unknown\","
      "request_protocol=\"tcp\",response_flags=\"-\",connection_security_policy=\"mutual_tls\","
      "source_region=\"r1\",source_zone=\"z1\",destination_region=\"unknown\","
      "destination_zone=\"unknown\"} 1"));
}

// Gives the value of the series of `name` that has `label`, none if there is no such series.
std::optional<double> value_of(const Metrics& metrics, const std::string& name,
                               const std::string& label) {
  const std::string text = "\n" + metrics.expose("").body;
  for (std::size_t at = 0; (at = text.find("\n" + name + "{", at)) != std::string::npos; ++at) {
    const std::string line = text.substr(at + 1, text.find('\n', at + 1) - at - 1);
    if (line.find(label) != std::string::npos) {
      return std::stod(line.substr(line.rfind(' ')));
    }
  }
  return std::nullopt;
}

TEST_CASE("a connection counts its life, and workers are added up") {
  Metrics metrics("ztunnel", "0.1.0");
  TcpMetrics& first = metrics.add_worker();
  TcpMetrics& second = metrics.add_worker();
  {
    TcpConnection one(first, full_labels());
    TcpConnection two(second, full_labels());
    one.received(10);
    two.received(5);
    two.sent(7);
    const TcpConnection moved = std::move(two);
    CHECK(value_of(metrics, "istio_tcp_sockets_open", "reporter=\"destination\"") == 2);
    CHECK(!value_of(metrics, "istio_tcp_connections_closed_total", "reporter"));
  }
  CHECK(value_of(metrics, "istio_tcp_connections_opened_total", "reporter") == 2);
  CHECK(value_of(metrics, "istio_tcp_connections_closed_total", "reporter") == 2);
  CHECK(value_of(metrics, "istio_tcp_received_bytes_total", "reporter") == 15);
  CHECK(value_of(metrics, "istio_tcp_sent_bytes_total", "reporter") == 7);
  CHECK(value_of(metrics, "istio_tcp_sockets_open", "reporter=\"destination\"") == 0);
}

TEST_CASE("a failure is counted under its flag, with and without an opened connection") {
  Metrics metrics("ztunnel", "0.1.0");
  TcpMetrics& worker = metrics.add_worker();
  {
    TcpConnection connection(worker, full_labels());
    connection.failed(ResponseFlag::connect);
  }
  TcpLabels denied = full_labels();
  denied.response_flag = ResponseFlag::deny;
  count_failure(worker, denied);
  const std::string name = "istio_tcp_connections_failed_total";
  CHECK(value_of(metrics, name, "response_flags=\"CONNECT\"") == 1);
  CHECK(value_of(metrics, name, "response_flags=\"DENY\"") == 1);
  CHECK(!value_of(metrics, name, "response_flags=\"-\""));
  CHECK(value_of(metrics, "istio_tcp_connections_closed_total", "response_flags=\"-\"") == 1);
}

TEST_CASE("labels that differ in one field are different series") {
  Metrics metrics("ztunnel", "0.1.0");
  TcpMetrics& worker = metrics.add_worker();
  TcpLabels labels = full_labels();
  TcpSeries* const series = &worker.series(labels);
  CHECK(&worker.series(full_labels()) == series);
  labels.destination_service_name = "other";
  CHECK(&worker.series(labels) != series);
  labels = full_labels();
  std::swap(labels.source, labels.destination);
  CHECK(&worker.series(labels) != series);
}

TEST_CASE("a scrape may run while a worker counts") {
  Metrics metrics("ztunnel", "0.1.0");
  TcpMetrics& worker = metrics.add_worker();
  std::thread counting([&worker] {
    for (int i = 0; i < 500; ++i) {
      TcpLabels labels = full_labels();
      labels.source.workload = std::to_string(i % 50);
      TcpConnection connection(worker, labels);
      connection.sent(1);
    }
  });
  for (int i = 0; i < 20; ++i) {
    CHECK(!metrics.expose("").body.empty());
  }
  counting.join();
  CHECK(value_of(metrics, "istio_tcp_sent_bytes_total", "source_workload=\"7\"") == 10);
}

TEST_CASE("OpenMetrics is chosen when an Accept entry names it, and is written by its rules") {
  Metrics metrics("ztunnel", "0.1.0");
  xds_messages(metrics, "type.googleapis.com/istio.workload.Address").add(3);
  const Exposition open = metrics.expose(
      "text/plain;q=0.5, application/openmetrics-text;version=1.0.0;q=0.75,*/*;q=0.1");
  CHECK(open.content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8");
  CHECK(open.body.ends_with("\n# EOF\n"));
  CHECK(has_line(open.body, "# TYPE istio_xds_message counter"));
  CHECK(has_line(open.body,
                 "istio_xds_message_total{url=\"type.googleapis.com/istio.workload.Address\"} 3"));
  CHECK(has_line(open.body, "istio_build{component=\"ztunnel\",tag=\"0.1.0\"} 1"));
  const Exposition plain = metrics.expose("text/plain, application/openmetrics-textual");
  CHECK(plain.content_type == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(has_line(plain.body, "# TYPE istio_xds_message_total counter"));
  CHECK(plain.body.find("# EOF") == std::string::npos);
}

TEST_CASE("a label's value can't break out of its quotes") {
  Metrics metrics("ztunnel", "0.1.0");
  metrics.gauge("odd", "An odd one", {{"a", "x\"y\\z\nw"}}).set(-2);
  CHECK(has_line(metrics.expose("application/openmetrics-text").body, R"(odd{a="x\"y\\z\nw"} -2)"));
  CHECK(has_line(metrics.expose("").body, R"(odd{a="x\"y\\z\nw"} -2)"));
}

TEST_CASE("the process's own series and the pods' are there from the start") {
  Metrics metrics("ztunnel", "0.1.0");
  const PodMetrics pods = pod_metrics(metrics);
  pods.active.set(2);
  pods.started.add(3);
  const std::string text = metrics.expose("").body;
  CHECK(has_line(text, "workload_manager_active_proxy_count 2"));
  CHECK(has_line(text, "workload_manager_pending_proxy_count 0"));
  CHECK(has_line(text, "workload_manager_proxies_started_total 3"));
  CHECK(has_line(text, "workload_manager_proxies_stopped_total 0"));
  CHECK(text.find("\nprocess_open_fds ") != std::string::npos);
  CHECK(text.find("\nprocess_max_fds ") != std::string::npos);
}

TEST_CASE("asking twice for a counter gives the same one") {
  Metrics metrics("ztunnel", "0.1.0");
  xds_terminations(metrics, "Error").add();
  Counter& again = xds_terminations(metrics, "Error");
  CHECK(again.value() == 1);
  CHECK(&xds_terminations(metrics, "Reconnect") != &again);
}

}  // namespace
}  // namespace culvert::obs
