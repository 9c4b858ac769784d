// A Prometheus that scrapes the nodes, and what it then knows.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/kind/held.h"
#include "tests/kind/installed.h"
#include "tests/kind/town.h"
#include "tests/support/api_server.h"

namespace culvert::lab {

namespace {

constexpr int kConnections = 10;
constexpr int kAnswerBytes = 1024;      // of culvert-load, as many as its request has
constexpr Milliseconds kScraped = 20s;  // once a second, beside all else

// Debian's Prometheus can't ask Kubernetes for its targets, so it is told them.
constexpr const char* kConfig = R"(global: {{scrape_interval: 1s}}
scrape_configs:
- {{job_name: ztunnel, static_configs: [{{targets: [{}]}}]}}
)";

// Prometheus is in a node's network, from where every pod can be reached.
class Prometheus {
 public:
  explicit Prometheus(const Cluster& cluster)
      : cluster_(cluster),
        folder_(std::filesystem::temp_directory_path() /
                fmt::format("culvert-prometheus-{}", ::getpid())) {
    std::filesystem::create_directories(folder_);
    // As the annotations of the ztunnel pods say.
    const std::string targets = cluster.kubectl().must_run(
        {"-n", kSystem, "get", "pod", "-l", "app.kubernetes.io/name=culvert-ztunnel", "-o",
         R"(jsonpath={range .items[*]}"{.status.podIP}:)"
         R"({.metadata.annotations.prometheus\.io/port}",{end})"});
    write_file(folder_ + "/prometheus.yml", fmt::format(kConfig, targets));
    process_ = Process::start(
        {},
        in_network({kubernetes_folder("prometheus") + "/usr/bin/prometheus", "--log.level=warn",
                    "--config.file=" + folder_ + "/prometheus.yml",
                    "--storage.tsdb.path=" + folder_ + "/data",
                    fmt::format("--web.listen-address={}", kAddress)}),
        folder_ + "/log");
  }
  ~Prometheus() {
    process_.kill();
    std::filesystem::remove_all(folder_);
  }
  Prometheus(Prometheus&&) = delete;
  Prometheus& operator=(Prometheus&&) = delete;

  // The one number that an expression gives, or nothing.
  std::optional<double> value(const std::string& expression) const {
    const auto ran =
        run({}, in_network({"curl", "-sS", "--get", "--data-urlencode", "query=" + expression,
                            fmt::format("http://{}/api/v1/query", kAddress)}));
    const auto answer = nlohmann::json::parse(ran.out, nullptr, false);
    if (!answer.is_object()) {
      return std::nullopt;  // it starts
    }
    const auto result = answer.value("/data/result"_json_pointer, nlohmann::json::array());
    return result.size() == 1 ? std::optional(std::stod(result[0]["value"][1].get<std::string>()))
                              : std::nullopt;
  }
  bool gives(const std::string& expression, double expected) const {
    return eventually(kScraped, [&] { return value(expression) == expected; });
  }
  std::string log() const { return process_.log(); }

 private:
  static constexpr const char* kAddress = "127.0.0.1:9090";

  Command in_network(const Command& command) const {
    return cluster_.in_network_of(cluster_.worker(0), command);
  }

  const Cluster& cluster_;
  std::string folder_;
  Process process_;
};

}  // namespace

TEST_CASE("Prometheus scrapes every node, and counts connections and bytes under Istio's names") {
  const Cluster& cluster = installed_cluster();
  // The counters of an earlier run's namespace are still there.
  const std::string name = fmt::format("counted-{}", ::getpid());
  const Town town(cluster, name, "istio.io/dataplane-mode: ambient");
  town.pod("echo", {"culvert-load", "echo", kEchoPort}, {.node = cluster.worker(1)});
  town.client("client", {.node = cluster.worker(0)});
  town.wait_until_ready();
  const Prometheus prometheus(cluster);
  INFO(prometheus.log());
  CHECK(prometheus.gives("count(up == 1)", static_cast<double>(cluster.nodes().size())));
  CHECK(prometheus.gives("count(istio_build)", static_cast<double>(cluster.nodes().size())));

  const auto calls = town.in_pod("client", {"culvert-load", "connections", town.ip("echo"),
                                            kEchoPort, std::to_string(kConnections), "1"});
  CHECK(calls.ok());
  const std::string pods = fmt::format(
      R"(source_principal="spiffe://cluster.local/ns/{0}/sa/client", source_workload="client", )"
      R"(destination_principal="spiffe://cluster.local/ns/{0}/sa/echo", )"
      R"(destination_workload="echo", connection_security_policy="mutual_tls")",
      name);
  const auto total = [&](std::string_view what, std::string_view reporter) {
    return fmt::format(R"(sum(istio_tcp_{}_total{{reporter="{}", {}}}))", what, reporter, pods);
  };
  for (const char* reporter : {"source", "destination"}) {
    INFO(reporter);
    CHECK(prometheus.gives(total("connections_opened", reporter), kConnections));
    CHECK(prometheus.gives(total("connections_closed", reporter), kConnections));
    CHECK(prometheus.value(total("sent_bytes", reporter)) >= kConnections * kAnswerBytes);
    CHECK(prometheus.value(total("received_bytes", reporter)) >= kConnections * kAnswerBytes);
  }

  // What fails is counted too: nobody listens at that port.
  town.in_pod("client", {"culvert-load", "connections", town.ip("echo"), "9999", "1", "1"});
  CHECK(prometheus.gives(total("connections_failed", "source"), 1));
  CHECK(prometheus.gives(total("connections_failed", "destination"), 1));
}

}  // namespace culvert::lab
