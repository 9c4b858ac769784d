// ztunnel's endpoints as kubelet, Prometheus, istioctl and people meet them.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/admin/raw_client.h"
#include "tests/unit/admin/temporary_folder.h"
#include "ztunnel/admin/admin.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::admin {
namespace {

HttpRequest request(std::string method, std::string path) {
  return {.method = std::move(method), .path = std::move(path), .query = {}, .accept = {}};
}

TEST_CASE("readiness names what is not ready yet") {
  std::vector<std::string> pending = {"state manager", "workload proxy manager"};
  const Routes routes = readiness_routes({.pending = [&pending] { return pending; }});
  const HttpResponse not_yet = routes.answer(request("GET", "/healthz/ready"));
  CHECK(not_yet.status == 500);
  CHECK(not_yet.body == "not ready, pending: state manager, workload proxy manager\n");
  pending.clear();
  const HttpResponse ready = routes.answer(request("GET", "/healthz/ready"));
  CHECK(ready.status == 200);
  CHECK(ready.body == "ready\n");
}

TEST_CASE("metrics are served on both of Istio's paths, in the form that was asked for") {
  obs::Metrics metrics("ztunnel", "0.1.0");
  const Routes routes = metrics_routes(
      {.metrics = [&metrics](std::string_view accept) { return metrics.expose(accept); }});
  HttpRequest scrape = request("GET", "/stats/prometheus");
  CHECK(routes.answer(scrape).body.find("istio_build{component=\"ztunnel\",tag=\"0.1.0\"} 1") !=
        std::string::npos);
  scrape.path = "/metrics";
  scrape.accept = "application/openmetrics-text";
  CHECK(routes.answer(scrape).content_type.starts_with("application/openmetrics-text"));
}

TEST_CASE("the log levels are shown, changed and reset by POST, and nothing else") {
  const auto session = obs::setup({.level = "info", .sink = [](std::string_view) {}});
  REQUIRE(session);
  Routes routes;
  add_logging(routes);
  const auto ask = [&routes](std::map<std::string, std::string, std::less<>> query) {
    HttpRequest post = request("POST", "/logging");
    post.query = std::move(query);
    return routes.answer(post);
  };
  CHECK(ask({}).body == "current log level is info\n");
  CHECK(ask({{"level", "warn,access=debug"}}).body == "current log level is warn,access=debug\n");
  CHECK(ask({{"reset", ""}, {"level", "proxy=trace"}}).body ==
        "current log level is info,proxy=trace\n");
  CHECK(ask({{"reset", ""}}).body == "current log level is info\n");
  CHECK(ask({{"level", "access"}}).status == 400);
  CHECK(ask({{"level", ""}}).status == 400);
  CHECK(ask({{"levle", "info"}}).status == 400);
  CHECK(routes.answer(request("GET", "/logging")).status == 405);
}

TEST_CASE("quitquitquit asks for the drain once per POST and never on GET") {
  int quits = 0;
  const Routes routes = admin_routes({.quit = [&quits] { ++quits; }});
  CHECK(routes.answer(request("GET", "/quitquitquit")).status == 405);
  CHECK(quits == 0);
  CHECK(routes.answer(request("POST", "/quitquitquit")).status == 200);
  CHECK(quits == 1);
}

TEST_CASE("the status says how the daemon is, in JSON") {
  const Routes routes = admin_routes({.status = [] {
    return Status{.version = "0.1.0",
                  .node = "n1",
                  .io_backend = "epoll",
                  .io_reason = "io_uring is disabled (kernel.io_uring_disabled=2)",
                  .workers = 2,
                  .uptime = std::chrono::seconds(61),
                  .xds = "connected",
                  .ca = "connected",
                  .zds = "connecting",
                  .pending = {"workload proxy manager"}};
  }});
  const HttpResponse response = routes.answer(request("GET", "/status"));
  CHECK(response.content_type == "application/json");
  const auto status = nlohmann::json::parse(response.body);
  CHECK(status["node"] == "n1");
  CHECK(status["ioBackend"] == "epoll");
  CHECK(status["uptimeSeconds"] == 61);
  CHECK(status["ready"] == false);
  CHECK(status["pending"] == nlohmann::json({"workload proxy manager"}));
}

TEST_CASE("all endpoints come up together, and a port in use is one sentence") {
  const TemporaryFolder folder;
  const Views views{
      .pending = [] { return std::vector<std::string>{}; },
      .metrics = [](std::string_view) { return obs::Exposition{"text/plain", "m 1\n"}; },
      .config_dump = [] { return ConfigDump{}; },
      .status = [] { return Status{}; },
      .quit = [] {}};
  const Endpoints endpoints{.readiness_port = 0,
                            .metrics_port = 0,
                            .admin_port = 0,
                            .socket_path = folder.file("ztunnel-admin.sock")};
  {
    const auto server = serve(endpoints, views);
    REQUIRE(server);
    const RawResponse dump =
        exchange(connect_unix(endpoints.socket_path),
                 "GET /config_dump HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    CHECK(nlohmann::json::parse(dump.body).contains("workloadState"));
  }
  HttpServer other;
  const auto port = other.listen_any(0, Routes());
  REQUIRE(port);
  Endpoints taken = endpoints;
  taken.metrics_port = *port;
  const auto refused = serve(taken, views);
  REQUIRE(!refused);
  CHECK(to_string(refused.error()).starts_with("port " + std::to_string(*port) + " is in use on "));
}

}  // namespace
}  // namespace culvert::admin
