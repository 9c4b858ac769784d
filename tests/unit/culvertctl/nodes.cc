// Other nodes: which pods are asked, and how.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/nodes.h"

#include <doctest/doctest.h>

#include "tools/culvertctl/options.h"

namespace culvert::ctl {
namespace {

const Json kList = Json::parse(R"({"items": [
  {"metadata": {"name": "b-old", "deletionTimestamp": "2026-11-25T10:00:00Z"}, "spec": {"nodeName": "b"}},
  {"metadata": {"name": "b-new"}, "spec": {"nodeName": "b"}},
  {"metadata": {"name": "a-1"}, "spec": {"nodeName": "a"}},
  7]})");

TEST_CASE("a node's agent is found, or the nodes that have one are named") {
  const auto one = agent_pods(kList, "b");
  REQUIRE(one);
  REQUIRE(one->size() == 1);
  CHECK(one->front().name == "b-new");
  const auto all = agent_pods(kList, "all");
  REQUIRE(all);
  CHECK(all->size() == 2);
  CHECK(all->front().node == "a");
  const auto none = agent_pods(kList, "c");
  REQUIRE_FALSE(none);
  CHECK(to_string(none.error()) == "no agent runs on \"c\"; they run on a, b");
  for (const char* const nothing : {"{}", "[]", R"({"items": {}})"}) {
    CHECK(to_string(agent_pods(Json::parse(nothing), "a").error())
              .starts_with("there is no agent in this cluster"));
  }
}

TEST_CASE("the node gets the command without what led there") {
  for (const auto& arguments :
       {std::vector<std::string>{"--node", "a", "connections", "--pod", "x"},
        {"connections", "--pod", "x", "--node=a", "--namespace", "mesh"}}) {
    const auto invocation = parse(arguments, "/run/culvert");
    REQUIRE(invocation.options);
    CHECK(invocation.options->nodes.node == "a");
    CHECK(invocation.options->for_node == std::vector<std::string>{"connections", "--pod", "x"});
  }
  CHECK(
      to_shell(in_pod({.node = "a", .name = "a-1"}, {}, {"check", "-o", "json"})) ==
      "kubectl exec --namespace culvert-system a-1 --container agent -- culvertctl check -o json");
}

TEST_CASE("a check is one of the cluster if it says so, or where there is no node") {
  const auto concerns = [](const std::vector<std::string>& arguments, const char* run_dir) {
    const auto invocation = parse(arguments, run_dir);
    return invocation.options && concerns_cluster(*invocation.options);
  };
  constexpr const char* kNowhere = "/nowhere/culvert";
  CHECK(concerns({"check", "--node", "all"}, "/tmp"));
  CHECK_FALSE(concerns({"check", "--node", "a"}, kNowhere));
  CHECK_FALSE(concerns({"check", "--node", "all", "--pre"}, kNowhere));
  CHECK_FALSE(concerns({"status", "--node", "all"}, kNowhere));
  for (const auto& check : {std::vector<std::string>{"check"}, {"check", "--pre"}}) {
    CHECK(concerns(check, kNowhere) == is_there("kubectl"));
    CHECK_FALSE(concerns(check, "/tmp"));
  }
  CHECK_FALSE(concerns({"check", "--run-dir", kNowhere}, kNowhere));
  CHECK_FALSE(concerns({"check", "--pre", "--pin-dir", "/sys/fs/bpf"}, kNowhere));
}

TEST_CASE("flags that are not ours go on to helm, when installing alone") {
  const auto install =
      parse({"install", "--set", "a=b", "--run", "--namespace", "mesh"}, "/run/culvert");
  REQUIRE(install.options);
  CHECK(install.options->install.helm_flags == std::vector<std::string>{"--set", "a=b"});
  CHECK(install.options->install.run);
  CHECK(install.options->install.in_namespace == "mesh");
  CHECK(is_installing(*install.options));
  CHECK_FALSE(parse({"status", "--set", "a=b"}, "/run/culvert").options);
}

}  // namespace
}  // namespace culvert::ctl
