// Whole runs against a server of the real kind: what is printed, and the exit code.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/run.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/unit/culvertctl/example_dump.h"
#include "tests/unit/culvertctl/fake_daemon.h"
#include "tools/culvertctl/status.h"
#include "ztunnel/admin/http_server.h"

namespace culvert::ctl {
namespace {

// A node whose daemons answer with the examples, in a folder of its own.
class ExampleNode {
 public:
  explicit ExampleNode(bool with_agent = true) {
    char pattern[] = "/tmp/culvert-test-XXXXXX";
    folder_ = ::mkdtemp(pattern);
    admin::Routes ztunnel;
    add(ztunnel, "/config_dump", kExampleDump);
    add(ztunnel, "/status", kExampleZtunnelStatus);
    REQUIRE(server_.listen_unix(folder_ + "/ztunnel-admin.sock", ztunnel));
    admin::Routes agent;
    add(agent, "/status",
        R"({"version": "0.1.0", "node": "node1", "uptimeSeconds": 90, "pods": 1})");
    add(agent, "/verdicts", kExampleVerdicts);
    add(agent, "/pods",
        R"([{"uid": "u1", "namespace": "shop", "name": "client", "ips": ["10.244.1.2"],
             "state": "captured"}])");
    add(agent, "/errors",
        R"([{"file": "a.yaml", "object": "", "error": "a.yaml: line 3: mapping expected"}])");
    if (with_agent) {
      REQUIRE(server_.listen_unix(folder_ + "/agent-admin.sock", agent));
    }
    server_.start();
  }
  ~ExampleNode() {
    server_.stop();
    std::filesystem::remove_all(folder_);
  }

  Outcome run(Options options) const {
    options.run_dir = folder_;
    return ctl::run(options,
                    {.colour = false, .now = WallClock(std::chrono::seconds(1'700'000'000))});
  }
  const std::string& folder() const { return folder_; }

 private:
  static void add(admin::Routes& routes, const char* path, const char* body) {
    routes.get(path, [body](const admin::HttpRequest&) { return admin::json_response(body); });
  }
  std::string folder_;
  admin::HttpServer server_;
};

TEST_CASE("status shows both daemons, the pods and what was not understood") {
  const ExampleNode node;
  const Outcome outcome = node.run({.command = "status"});
  CHECK(outcome.exit == Exit::ok);
  CHECK(outcome.out ==
        "ztunnel\n"
        "  version      0.1.0\n"
        "  node         node1\n"
        "  uptime       1h 2m\n"
        "  ready        no, pending: workload proxy manager\n"
        "  mesh (xDS)   connected\n"
        "  CA           connected\n"
        "  pods (ZDS)   can't reach /var/run/ztunnel/ztunnel.sock\n"
        "  I/O          epoll: io_uring is disabled (kernel.io_uring_disabled=2)\n"
        "  workers      2\n"
        "  pods         0\n"
        "  connections  0\n"
        "  log          7 lines lost: its reader is too slow\n"
        "\n"
        "agent\n"
        "  version      0.1.0\n"
        "  node         node1\n"
        "  uptime       1m 30s\n"
        "  pods         1\n"
        "\n"
        "enrolled pods\n"
        "NAMESPACE   NAME     ADDRESSES    STATE\n"
        "shop        client   10.244.1.2   captured\n"
        "\n"
        "not understood\n"
        "  a.yaml: line 3: mapping expected\n");
}

TEST_CASE("status shows the daemon that is there and fails for the one that is not") {
  const ExampleNode node(/*with_agent=*/false);
  const Outcome table = node.run({.command = "status"});
  CHECK(table.exit == Exit::failed);
  CHECK(table.out.find("version      0.1.0") != std::string::npos);
  CHECK(table.out.find("can't reach agent (" + node.folder() + "/agent-admin.sock)") !=
        std::string::npos);
  const Outcome json = node.run({.command = "status", .json = true});
  CHECK(json.exit == Exit::failed);
  const auto page = nlohmann::json::parse(json.out);
  CHECK(page["ztunnel"]["workers"] == 2);
  CHECK(page["agent"].contains("problem"));
}

TEST_CASE("an agent is ready once it has its mesh, whether ztunnel is there or not") {
  const auto ready = [](const char* status) {
    const FakeDaemon agent(std::string("HTTP/1.1 200 OK\r\n\r\n") + status);
    std::filesystem::rename(agent.socket(), agent.folder() + "/agent-admin.sock");
    return run({.command = "ready", .run_dir = agent.folder()}, {});
  };
  CHECK(ready(R"({"source": "kubernetes", "complete": true})").exit == Exit::ok);
  const Outcome incomplete = ready(R"({"source": "kubernetes", "complete": false})");
  CHECK(incomplete.exit == Exit::failed);
  CHECK(incomplete.error.contains("has not read kubernetes as a whole"));
  const Outcome away = run({.command = "ready", .run_dir = "/nowhere"}, {});
  CHECK(away.exit == Exit::failed);
  CHECK(away.error.contains("can't reach agent"));
}

TEST_CASE("a daemon's members can't draw on the terminal, neither by name nor by value") {
  const StatusPage page{.ztunnel = {},
                        .agent = {nlohmann::json{{"a\x1b[31m", "b\x1b[31m"}}, ""},
                        .pods = {},
                        .errors = {}};
  const auto shown = render(page, false);
  CHECK(shown.find('\x1b') == std::string::npos);
  CHECK(shown.find("  a?[31m       b?[31m\n") != std::string::npos);
}

TEST_CASE("verdicts that never happened are hidden, unless asked for") {
  const ExampleNode node;
  CHECK(node.run({.command = "verdicts"}).out.find("not_tcp") == std::string::npos);
  CHECK(node.run({.command = "verdicts", .all = true}).out.find("not_tcp") != std::string::npos);
  CHECK(nlohmann::json::parse(node.run({.command = "verdicts", .json = true}).out).size() == 3);
}

TEST_CASE("JSON gives the daemon's own objects, chosen by name") {
  const ExampleNode node;
  const Outcome outcome = node.run({.command = "workloads", .name = "client", .json = true});
  CHECK(outcome.exit == Exit::ok);
  const auto items = nlohmann::json::parse(outcome.out);
  REQUIRE(items.size() == 1);
  CHECK(items[0]["uid"] == "Kubernetes//Pod/shop/client");
}

TEST_CASE("a name that nothing has exits with 3 and a suggestion") {
  const ExampleNode node;
  const Outcome outcome = node.run({.command = "services", .name = "sever"});
  CHECK(outcome.exit == Exit::not_found);
  CHECK(outcome.out.empty());
  CHECK(outcome.error == "culvertctl: there is no service \"sever\"; did you mean \"server\"?\n");
}

TEST_CASE("an answer that is no JSON exits with 1 and says whose it was") {
  const FakeDaemon garbage("HTTP/1.1 200 OK\r\n\r\n{\"workloads\": [");
  const Outcome outcome = run({.command = "workloads", .run_dir = garbage.folder()}, {});
  CHECK(outcome.exit == Exit::failed);
  CHECK(outcome.error ==
        "culvertctl: what ztunnel answers to /config_dump is no JSON: the daemon may be of another "
        "version than culvertctl\n");
}

TEST_CASE("an empty list is said on stderr, so that pipes stay empty") {
  const FakeDaemon empty("HTTP/1.1 200 OK\r\n\r\n{}");
  const Outcome outcome = run({.command = "connections", .run_dir = empty.folder()}, {});
  CHECK(outcome.exit == Exit::ok);
  CHECK(outcome.out.empty());
  CHECK(outcome.error == "no connections yet\n");
}

}  // namespace
}  // namespace culvert::ctl
