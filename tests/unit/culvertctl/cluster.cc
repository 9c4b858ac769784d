// What `culvertctl check` makes of what an API server says, before Culvert is in its cluster and
// after.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "tools/culvertctl/check/cluster_lines.h"
#include "tools/culvertctl/check/installed_lines.h"

namespace culvert::ctl {
namespace {

constexpr const char* kNamespace = "culvert-system";

Json items(const std::string& objects) {
  return Json::parse(R"({"items": [)" + objects + "]}");
}

std::string node(const std::string& name, const std::string& os = "linux") {
  return R"({"metadata": {"name": ")" + name + R"("}, "status": {"nodeInfo": {"kernelVersion":
    "6.12.1", "operatingSystem": ")" +
         os + R"("}, "conditions": [{"type": "Ready", "status": "True"}]}})";
}
std::string pod(const std::string& program, const std::string& name, const std::string& node) {
  return R"({"kind": "Pod", "metadata": {"name": ")" + name +
         R"(", "labels": {"app.kubernetes.io/name": ")" + program +
         R"("}}, "spec": {"nodeName": ")" + node +
         R"("}, "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"state": {"running": {}}}]}})";
}
std::string set(const std::string& name) {
  return R"({"kind": "DaemonSet", "metadata": {"name": ")" + name +
         R"("}, "status": {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2}})";
}

// A cluster of two nodes on which all is well.
ClusterAnswers healthy() {
  Json allowed = Json::array();
  for (std::size_t i = 0; i < rights_needed().size(); ++i) {
    allowed.push_back("true");
  }
  return {
      .version = {Json::parse(R"({"major": "1", "minor": "34+", "gitVersion": "v1.34.4"})"), ""},
      .nodes = {items(node("a") + "," + node("b") + "," + node("w", "windows")), ""},
      .leases = {items(R"({"metadata": {"name": "a", "managedFields": [
                   {"time": "2026-11-25T10:00:00Z"}, {"time": "2026-11-25T12:00:00Z"}]},
                   "spec": {"renewTime": "2026-11-25T12:00:03.4Z"}})"),
                 ""},
      .redirects = {items(set("kube-proxy")), ""},
      .versions = {Json::parse(R"(["security.istio.io/v1", "gateway.networking.k8s.io/v1"])"), ""},
      .space = {items(""), ""},
      .rights = {allowed, ""},
      .ours = {
          items(set("culvert-agent") + "," + set("culvert-ztunnel") +
                R"(, {"kind": "Deployment", "metadata": {"name": "culvert-signer"},
                         "spec": {"replicas": 1}, "status": {"updatedReplicas": 1}},)" +
                pod("culvert-agent", "agent-a", "a") + "," + pod("culvert-agent", "agent-b", "b") +
                "," + pod("culvert-ztunnel", "ztunnel-a", "a") + "," +
                pod("culvert-ztunnel", "ztunnel-b", "b") + "," +
                pod("culvert-signer", "signer-1", "b")),
          ""}};
}

Lines lines_of(const ClusterAnswers& answers) {
  Lines lines = cluster_lines(answers);
  lines.push_back(rights_line(answers.rights, kNamespace));
  std::ranges::move(installed_lines(answers, kNamespace), std::back_inserter(lines));
  return lines;
}

// check_only checks that all lines are good but this one.
void check_only(const ClusterAnswers& answers, LineState state, const std::string& name,
                const std::string& reason, const std::string& next_step) {
  std::size_t found = 0;
  for (const Line& line : lines_of(answers)) {
    CAPTURE(line.name);
    CAPTURE(line.reason);
    if (line.name != name) {
      CHECK(line.state == LineState::good);
      continue;
    }
    ++found;
    CHECK(line.state == state);
    CHECK(line.reason.contains(reason));
    CHECK(line.next_step.contains(next_step));
  }
  CHECK(found == 1);
}

Json& object(ClusterAnswers& answers, const std::string& name) {
  return *std::ranges::find_if(answers.ours.value["items"], [&](const Json& one) {
    return text(field(one, "metadata"), "name") == name;
  });
}

}  // namespace

TEST_CASE("a cluster on which all is well has nothing but good lines") {
  for (const Line& line : lines_of(healthy())) {
    CAPTURE(line.name);
    CAPTURE(line.reason);
    CHECK(line.state == LineState::good);
  }
}

TEST_CASE("without an API server there is one line") {
  ClusterAnswers answers;
  answers.version.problem = "kubectl says: refused";
  const Lines lines = cluster_lines(answers);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].state == LineState::failed);
  CHECK(lines[0].reason == "kubectl says: refused");
  CHECK(lines[0].next_step.contains("KUBECONFIG"));
}

TEST_CASE("each thing that is wrong with a cluster is its own line") {
  auto answers = healthy();
  answers.version.value["minor"] = "29";
  check_only(answers, LineState::failed, "API server", "v1.34.4", "1.30");

  answers = healthy();
  answers.nodes.value["items"][1]["status"]["conditions"][0]["status"] = "Unknown";
  check_only(answers, LineState::warning, "nodes", "not ready: b", "kubectl describe node");
  answers = healthy();
  answers.nodes.value["items"][1]["status"]["nodeInfo"]["kernelVersion"] = "5.14.0-503.el9";
  check_only(answers, LineState::warning, "nodes", "b (Linux 5.14.0-503.el9)", "check --pre");

  answers = healthy();
  answers.leases.value["items"][0]["spec"]["renewTime"] = "2026-11-25T11:58:58Z";
  check_only(answers, LineState::failed, "clocks", "a by -1m 2s", "NTP");
  answers.leases.value["items"][0]["spec"]["renewTime"] = "2026-11-25T12:01:02Z";
  check_only(answers, LineState::failed, "clocks", "a by 1m 2s", "NTP");
  answers.leases.value["items"] = Json::array();
  check_only(answers, LineState::skipped, "clocks", "no node", "");

  answers = healthy();
  answers.space.value = items(R"({"metadata": {"name": "culvert-system", "labels":
      {"pod-security.kubernetes.io/enforce": "baseline"}}})");
  check_only(answers, LineState::failed, "namespace", "\"baseline\"", "=privileged");

  answers = healthy();
  answers.versions.value = Json::parse(R"(["security.istio.io/v1beta1"])");
  answers.versions.value.push_back("gateway.networking.k8s.io/v1");
  check_only(answers, LineState::warning, "Istio's kinds", "not installed", "CRDs of Istio");

  answers = healthy();
  answers.rights.value[3] = "false";
  answers.rights.value.erase(answers.rights.value.size() - 1);
  check_only(answers, LineState::failed, "rights", "clusterroles, jobs", "administrator");

  answers = healthy();
  answers.leases.problem = "kubectl says: leases is forbidden";
  check_only(answers, LineState::skipped, "clocks", "forbidden", "");
}

TEST_CASE("another mesh fails if it redirects pods, and warns if it injects sidecars") {
  auto answers = healthy();
  answers.redirects.value["items"].push_back(Json::parse(
      R"({"kind": "MutatingWebhookConfiguration", "metadata": {"name": "istio-sidecar-injector-1-2"}})"));
  check_only(answers, LineState::warning, "other meshes", "Istio injects", "sidecar");
  answers.redirects.value["items"].push_back(Json::parse(
      R"({"kind": "DaemonSet", "metadata": {"name": "linkerd-cni", "namespace": "linkerd"}})"));
  check_only(answers, LineState::failed, "other meshes", "DaemonSet linkerd/linkerd-cni",
             "uninstall it first");
}

TEST_CASE("each thing that is wrong with an installation is its own line") {
  auto answers = healthy();
  object(answers, "agent-b")["status"] = Json::parse(R"({"phase": "Running", "containerStatuses":
      [{"state": {"waiting": {"reason": "CrashLoopBackOff"}}}]})");
  check_only(answers, LineState::failed, "agents", "agent-b on b does not run: CrashLoopBackOff",
             "kubectl describe pod agent-b");
  CHECK(agent_places(answers)[1].why_not == "its pod does not run");

  answers = healthy();
  object(answers, "ztunnel-b")["status"] = Json::parse(R"({"phase": "Pending", "conditions":
      [{"type": "PodScheduled", "status": "False", "message": "Insufficient memory"}]})");
  check_only(answers, LineState::failed, "ztunnels", "Insufficient memory", "describe pod");
  CHECK_FALSE(agent_places(answers)[1].has_ztunnel);

  answers = healthy();
  object(answers, "agent-a")["status"]["conditions"][0]["status"] = "False";
  check_only(answers, LineState::warning, "agents", "1 of 2 are ready", "lines of their nodes");
  answers = healthy();
  object(answers, "culvert-agent")["status"]["updatedNumberScheduled"] = 1U;
  check_only(answers, LineState::warning, "agents", "1 of 2", "rolled out");

  answers = healthy();
  object(answers, "culvert-signer")["spec"]["replicas"] = 0;
  check_only(answers, LineState::failed, "signer", "scaled to no replica", "--replicas=2");
  answers = healthy();
  object(answers, "signer-1")["status"]["conditions"][0]["status"] = "False";
  check_only(answers, LineState::failed, "signer", "no replica is ready", "kubectl logs");
  object(answers, "culvert-signer")["metadata"]["name"] = "another";
  check_only(answers, LineState::failed, "signer", "there is no culvert-signer", "upgrade");
}

TEST_CASE("nodes that a DaemonSet leaves out are named, whether it wants them or not") {
  auto answers = healthy();
  object(answers, "culvert-agent")["status"] =
      Json::parse(R"({"desiredNumberScheduled": 1, "updatedNumberScheduled": 1})");
  object(answers, "agent-b")["metadata"]["deletionTimestamp"] = "2026-11-25T12:00:00Z";
  check_only(answers, LineState::failed, "every node", "no agent on b", "DaemonSet culvert-agent");
  REQUIRE(agent_places(answers).size() == 1);
  CHECK(agent_places(answers)[0].node == "a");

  answers = healthy();
  object(answers, "ztunnel-a")["spec"]["nodeName"] = "b";
  check_only(answers, LineState::failed, "every node", "no ztunnel on a",
             "DaemonSet culvert-ztunnel");
}

TEST_CASE("where nothing is installed there is one line, which says how") {
  auto answers = healthy();
  answers.ours.value = items("");
  const Lines lines = installed_lines(answers, "elsewhere");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].reason == "there is no Culvert in namespace elsewhere");
  CHECK(lines[0].next_step.contains("--namespace"));
  CHECK(agent_places(answers).empty());
}

TEST_CASE("a node that is not ready is not asked") {
  auto answers = healthy();
  answers.nodes.value["items"][0]["status"]["conditions"][0]["status"] = "Unknown";
  CHECK(agent_places(answers)[0].why_not == "the node is not ready");
  CHECK(agent_places(answers)[1].why_not.empty());
}

TEST_CASE("the lines of a node are read as they were written, and are shown with its name") {
  const Lines lines = {line("agent", "answers", good("0.1.0")),
                       line("agent", "source", failed("no", "do this"))};
  const Lines read = lines_in(Json::parse(to_json(lines)), "east");
  REQUIRE(read.size() == 2);
  CHECK(render(read, false) == R"(agent on east
  ✔ answers  0.1.0
  ✘ source   no
             → do this

1 failed
)");
  CHECK(Json::parse(to_json(read))["checks"][1]["node"] == "east");
  CHECK(lines_in(Json::parse(R"({"checks": [{"state": "new"}, 7]})"), "east")[0].state ==
        LineState::warning);
  CHECK(lines_in(Json::parse("[7]"), "east").empty());
}

}  // namespace culvert::ctl
