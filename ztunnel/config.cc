// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/config.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <thread>

namespace culvert::ztunnel {
namespace {

std::string check_unix_address(const std::string& text) {
  if (!text.starts_with("unix:") || text.size() == 5) {
    return "\"" + text + "\" is not unix:PATH; addresses of istiod (https://…) are not served yet";
  }
  return {};
}

void add_options(CLI::App& app, Config& config) {
  app.add_option("--node", config.node, "name of the Kubernetes node")->required();
  app.add_option("--run-dir", config.run_dir, "directory of the node's sockets")
      ->capture_default_str();
  app.add_option("--zds-socket", config.zds_socket, "where the agent names the pods (ZDS)")
      ->capture_default_str();
  app.add_option("--xds-address", config.xds_address,
                 "where the mesh is described [unix:RUN_DIR/xds.sock]")
      ->check(check_unix_address);
  app.add_option("--ca-address", config.ca_address, "who signs certificates [unix:RUN_DIR/ca.sock]")
      ->check(check_unix_address);
  app.add_option("--trust-domain", config.trust_domain,
                 "of pods that the mesh has no record of yet")
      ->capture_default_str();
  app.add_option("--workers", config.workers, "worker threads [a quarter of the CPUs, at least 2]")
      ->check(CLI::Range(0, 256));
  app.add_option("--io", config.io, "uring, epoll or auto: io_uring where the kernel allows it")
      ->envname("CULVERT_IO")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, io::Backend>{{"auto", io::Backend::automatic},
                                             {"uring", io::Backend::uring},
                                             {"epoll", io::Backend::epoll}}));
  app.add_option("--drain-time", config.drain_time,
                 "how long connections may go on after SIGTERM, such as 25s")
      ->transform(CLI::AsNumberWithUnit(
          std::map<std::string, std::int64_t>{{"ms", 1}, {"s", 1000}, {"m", 60'000}},
          CLI::AsNumberWithUnit::CASE_SENSITIVE, "TIME"))
      ->default_str("25s");
  app.add_option("--readiness-port", config.readiness_port, "")->capture_default_str();
  app.add_option("--metrics-port", config.metrics_port, "")->capture_default_str();
  app.add_option("--admin-port", config.admin_port, "on loopback")->capture_default_str();
  app.add_option("--log-format", config.log_format, "text or json")
      ->transform(CLI::CheckedTransformer(std::map<std::string, obs::LogFormat>{
          {"text", obs::LogFormat::text}, {"json", obs::LogFormat::json}}));
  app.add_option("--log-level", config.log_level, "error, warn, info, debug, or scope=level,…")
      ->capture_default_str();
}

}  // namespace

unsigned default_workers() {
  return std::max((std::thread::hardware_concurrency() + 3) / 4, 2U);
}

std::variant<Config, int> parse_config(int argc, char** argv) {
  Config config;
  CLI::App app{
      "culvert-ztunnel carries the connections of a node's pods inside mutual TLS (HBONE) "
      "and enforces L4 policy.\nExit status: 0 after a drain, 1 when it cannot start, 2 for "
      "wrong usage."};
  app.set_version_flag("--version", std::string("culvert-ztunnel ") + CULVERT_VERSION);
  add_options(app, config);
  try {  // CLI11 reports by exceptions; they end here
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (config.xds_address.empty()) {
    config.xds_address = "unix:" + config.run_dir + "/xds.sock";
  }
  if (config.ca_address.empty()) {
    config.ca_address = "unix:" + config.run_dir + "/ca.sock";
  }
  if (config.workers == 0) {
    config.workers = default_workers();
  }
  return config;
}

}  // namespace culvert::ztunnel
