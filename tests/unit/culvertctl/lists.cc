// What culvertctl's lists show of an example node, to the byte: its output counts as an interface.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/lists.h"

#include <doctest/doctest.h>

#include "tests/unit/culvertctl/example_dump.h"

namespace culvert::ctl {
namespace {

// 1 h before the example's certificate ends.
const WallClock kNow = WallClock(std::chrono::seconds(1'700'000'000 + 23 * 3600));

std::string shown(const char* command, const Options& options = {}) {
  const List* list = list_of(command);
  REQUIRE(list != nullptr);
  const Json answer = Json::parse(list->daemon == "agent" ? kExampleVerdicts : kExampleDump);
  const auto items = select(*list, answer, options);
  return items ? render(list->table(*items, kNow), false) : to_string(items.error());
}

TEST_CASE("workloads") {
  CHECK(shown("workloads") ==
        "NAMESPACE   NAME         ADDRESSES               NODE    PROTOCOL   SERVICE ACCOUNT   "
        "WAYPOINT                               STATUS\n"
        "shop        client       10.244.1.2, fd00:1::2   node1   HBONE      client            -   "
        "                                   Healthy\n"
        "shop        server-7d9   10.244.2.2              node2   TCP        server            "
        "shop/waypoint.shop.svc.cluster.local   Unhealthy\n");
}

TEST_CASE("services") {
  CHECK(shown("services") ==
        "NAMESPACE   NAME     ADDRESSES                 PORTS          ENDPOINTS   WAYPOINT\n"
        "shop        server   10.96.0.10, fd00:96::10   80→8080, 443   1/2         -\n");
}

TEST_CASE("policies") {
  CHECK(shown("policies") ==
        "NAMESPACE   NAME       SCOPE       ACTION   RULES   DRY RUN\n"
        "shop        deny-all   Namespace   Deny         2   no\n");
}

TEST_CASE("certs") {
  CHECK(shown("certs") ==
        "IDENTITY                                   STATE                         SERIAL NUMBER   "
        "VALID FROM             EXPIRES                LEFT\n"
        "spiffe://cluster.local/ns/shop/sa/client   Available                     271828          "
        "2023-11-14T22:13:20Z   2023-11-15T22:13:20Z   1h\n"
        "spiffe://cluster.local/ns/shop/sa/server   Unavailable: CA unreachable   -               "
        "-                      -                      -\n");
}

TEST_CASE("connections") {
  CHECK(shown("connections") ==
        "NAMESPACE   POD      DIRECTION   SOURCE             ASKED FOR       GOES TO           "
        "PROTOCOL\n"
        "shop        client   outbound    10.244.1.2:40112   10.96.0.10:80   10.244.2.2:8080   "
        "HBONE\n");
}

TEST_CASE("verdicts") {
  CHECK(shown("verdicts") ==
        "PROGRAM   VERDICT             EFFECT   COUNT\n"
        "capture   captured            steer    12345\n"
        "capture   not_tcp             pass         0\n"
        "steer     no_hbone_listener   drop         2\n");
}

TEST_CASE("an item is found by each of its names") {
  for (const char* name : {"client", "shop/client", "Kubernetes//Pod/shop/client", "fd00:1::2"}) {
    CAPTURE(name);
    CHECK(shown("workloads", {.name = name}).find("server-7d9") == std::string::npos);
    CHECK(shown("workloads", {.name = name}).find("client") != std::string::npos);
  }
  for (const char* name :
       {"server", "shop/server", "server.shop.svc.cluster.local", "10.96.0.10"}) {
    CAPTURE(name);
    CHECK(shown("services", {.name = name}).find("1/2") != std::string::npos);
  }
  CHECK(shown("certs", {.name = "shop/client"}).find("271828") != std::string::npos);
  CHECK(shown("verdicts", {.program = "steer"}).find("captured") == std::string::npos);
  CHECK(shown("connections", {.pod = "shop/client"}).find("HBONE") != std::string::npos);
}

TEST_CASE("a wrong name suggests the nearest, or says what lists them all") {
  CHECK(shown("workloads", {.name = "clinet"}) ==
        "there is no workload \"clinet\"; did you mean \"client\"?");
  CHECK(shown("policies", {.name = "shop/deny-al"}) ==
        "there is no policy \"shop/deny-al\"; did you mean \"shop/deny-all\"?");
  CHECK(shown("services", {.name = "zzzzzz"}) ==
        "there is no service \"zzzzzz\"; culvertctl services lists all");
  CHECK(shown("verdicts", {.program = "steerr"}) ==
        "there is no kernel program \"steerr\"; did you mean \"steer\"?");
}

TEST_CASE("answers of an unexpected shape show as nothing, never as a crash") {
  for (const char* answer :
       {"null", "[]", "7", R"({"workloads": 7})", R"({"workloads": [7, null, "x", []]})",
        R"({"workloads": [{"name": {"a": 1}, "workloadIps": "x", "waypoint": 3}]})",
        R"({"services": [{"ports": [1], "endpoints": [2], "vips": {"a": 1}}]})",
        R"({"policies": [{"rules": "x"}], "certificates": [{"certChain": [3]}]})",
        R"({"workloadState": {"a": 1, "b": {"connections": {"inbound": 3}}}})",
        R"([{"count": "many"}, {"count": -3}, 4])"}) {
    CAPTURE(answer);
    for (const char* command :
         {"workloads", "services", "policies", "certs", "connections", "verdicts"}) {
      const List* list = list_of(command);
      const auto items = select(*list, Json::parse(answer), {});
      REQUIRE(items);
      CHECK(render(list->table(*items, kNow), false).find('\n') != std::string::npos);
    }
  }
}

}  // namespace
}  // namespace culvert::ctl
