// `culvertctl check` from a laptop: green on the installed cluster, and exactly one line red, with
// its advice, for each way in which the cluster is broken here:
//   nothing installed where it looks, no API server; PodSecurity, another mesh's DaemonSet; the
//   signer scaled to none; an agent that can't be started, a node that the agents leave out; an
//   agent and a ztunnel that hang, a CNI configuration that is no JSON, packets to port 15008
//   dropped, a policy that L4 can't enforce.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "tests/kind/installed.h"
#include "tests/kind/town.h"
#include "tests/kind/transcript.h"
#include "tests/support/paths.h"

namespace culvert::lab {

namespace {

using nlohmann::json;
using Names = std::set<std::string>;

constexpr Milliseconds kSeen = 120s;  // for what was changed to show; rollouts take the longest
constexpr const char* kAgents = "daemonset/culvert-agent";

// As on a laptop: the environment has a kubeconfig, and there is no folder of daemons.
Outcome culvertctl(const Command& arguments, const std::string& kubeconfig = {}) {
  Command command{"env", "CULVERT_RUN_DIR=/nowhere/culvert"};
  if (!kubeconfig.empty()) {
    command.push_back("KUBECONFIG=" + kubeconfig);
  }
  command.push_back(program("culvertctl"));
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run({}, command, 120s);
}

struct Checked {
  int exit_code = -1;
  json lines;
  std::string shown;

  // "NODE: name", without a node for lines of the cluster.
  Names names(std::string_view state) const {
    Names names;
    for (const auto& line : lines) {
      if (line.value("state", "") == state) {
        const auto node = line.value("node", "");
        names.insert((node.empty() ? "" : node + ": ") + line.value("name", ""));
      }
    }
    return names;
  }
};

Checked check(Command flags = {}, const std::string& kubeconfig = {}) {
  flags.insert(flags.begin(), {"check", "-o", "json"});
  const Outcome outcome = culvertctl(flags, kubeconfig);
  const auto root = json::parse(outcome.out, nullptr, false);
  return {.exit_code = outcome.exit_code,
          .lines = root.is_object() ? root["checks"] : json::array(),
          .shown = outcome.out + outcome.err};
}

struct Words {
  std::string reason;
  std::string next_step;
};

// check_red checks that these lines are the only ones that failed, say why and what to do.
void check_red(const Checked& checked, const Names& names, const Words& words) {
  INFO(checked.shown);
  CHECK(checked.exit_code == 1);
  CHECK(checked.names("failed") == names);
  for (const auto& line : checked.lines) {
    if (line.value("state", "") == "failed") {
      CHECK(line.value("reason", "").contains(words.reason));
      CHECK(line.value("nextStep", "").contains(words.next_step));
    }
  }
}

// What was changed before shows no more, and this does.
void becomes_red(const Names& names, const Words& words) {
  Checked checked;
  eventually(kSeen, [&] { return (checked = check()).names("failed") == names; });
  check_red(checked, names, words);
}

void check_green(const Checked& checked) {
  INFO(checked.shown);
  CHECK(checked.exit_code == 0);
  for (const char* state : {"failed", "warning", "skipped"}) {
    CHECK(checked.names(state) == Names{});
  }
}

void becomes_green() {
  Checked checked;
  eventually(kSeen, [&] {
    checked = check();
    return checked.names("failed").empty() && checked.names("warning").empty();
  });
  check_green(checked);
}

// A cluster with a pod of the mesh on each node, so that each node has all its lines.
struct CheckedCluster {
  explicit CheckedCluster(const std::string& name)
      : cluster(installed_cluster()), town(cluster, name, "istio.io/dataplane-mode: ambient") {
    for (const auto& node : cluster.nodes()) {
      town.client("on-" + node, {.node = node});
    }
    town.wait_until_ready();
  }
  void kubectl(Command arguments) const {
    arguments.insert(arguments.begin(), {"-n", kSystem});
    cluster.kubectl().must_run(arguments, {}, 300s);
  }
  void on_node(const std::string& script) const {
    cluster.must_on_node(cluster.worker(1), {"bash", "-c", script});
  }
  void agents_roll_out() const { kubectl({"rollout", "status", kAgents, "--timeout=240s"}); }

  const Cluster& cluster;
  Town town;
};

constexpr const char* kForeignDaemons = R"(apiVersion: apps/v1
kind: DaemonSet
metadata: {name: istio-cni-node}
spec:
  selector: {matchLabels: {app: none}}
  template:
    metadata: {labels: {app: none}}
    spec: {nodeSelector: {no: node}, containers: [{name: none, image: none}]}
)";

constexpr const char* kAudit = R"(apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: audit}
spec: {action: AUDIT, rules: [{}]}
)";

// Of the agents' DaemonSet, by a field of the node's object.
std::string kept_away_from(const std::string& node) {
  return fmt::format(
      R"({{"spec":{{"template":{{"spec":{{"affinity":{{"nodeAffinity":{{
        "requiredDuringSchedulingIgnoredDuringExecution":{{"nodeSelectorTerms":[{{"matchFields":[
        {{"key":"metadata.name","operator":"NotIn","values":["{}"]}}]}}]}}}}}}}}}}}}}})",
      node);
}
constexpr const char* kKeptAwayFromNone = R"({"spec":{"template":{"spec":{"affinity":null}}}})";

}  // namespace

TEST_CASE("check is green on the installed cluster, names every node, and README shows it") {
  const CheckedCluster lab("checked");
  becomes_green();
  const Checked checked = check();
  for (const auto& node : lab.cluster.nodes()) {
    CHECK(checked.names("good").contains(node + ": probe connection"));
  }
  const auto before = check({"--pre"});
  check_green(before);
  CHECK(before.names("good").contains("rights"));
  check_transcript(lab.cluster, "culvertctl check", culvertctl({"check"}).out);
}

TEST_CASE("what is wrong with the cluster or the installation turns its own line red") {
  const CheckedCluster lab("check-cluster");
  check_red(check({}, "/nowhere/kubeconfig"), {"API server"}, {"kubectl says", "KUBECONFIG"});
  check_red(check({"--namespace", "elsewhere"}), {"daemons"},
            {"no Culvert in namespace elsewhere", "culvertctl install"});

  const std::string label = "pod-security.kubernetes.io/enforce=";
  lab.kubectl({"label", "--overwrite", "namespace", kSystem, label + "baseline"});
  becomes_red({"namespace"}, {"forbids privileged pods", label + "privileged"});
  lab.kubectl({"label", "--overwrite", "namespace", kSystem, label + "privileged"});

  lab.town.apply(kForeignDaemons);
  becomes_red({"other meshes"}, {"DaemonSet check-cluster/istio-cni-node", "uninstall it first"});
  lab.town.must_kubectl({"delete", "daemonset", "istio-cni-node"});

  lab.kubectl({"scale", "deployment/culvert-signer", "--replicas=0"});
  becomes_red({"signer"}, {"scaled to no replica", "--replicas=2"});
  lab.kubectl({"scale", "deployment/culvert-signer", "--replicas=2"});

  const std::string image = lab.cluster.kubectl().must_run(
      {"get", kAgents, "-n", kSystem, "-o", "jsonpath={.spec.template.spec.containers[0].image}"});
  lab.kubectl({"set", "image", kAgents, "agent=culvert.test/none:none"});
  becomes_red({"agents"}, {"does not run", "kubectl describe pod culvert-agent-"});
  lab.kubectl({"set", "image", kAgents, "agent=" + image});
  lab.agents_roll_out();

  lab.kubectl({"patch", kAgents, "--type=merge", "-p", kept_away_from(lab.cluster.worker(1))});
  lab.agents_roll_out();
  becomes_red({"every node"}, {"no agent on " + lab.cluster.worker(1), "DaemonSet culvert-agent"});
  lab.kubectl({"patch", kAgents, "--type=merge", "-p", kKeptAwayFromNone});
  lab.agents_roll_out();
  becomes_green();
}

TEST_CASE("what is wrong on one node turns that node's line red") {
  const CheckedCluster lab("check-nodes");
  const std::string node = lab.cluster.worker(1);

  // Both have this name on the node alone: it sees no processes but its own.
  lab.on_node("pkill -STOP -x culvert-ztunnel");
  becomes_red({node + ": answers"}, {"ztunnel", "culvert-ztunnel"});
  lab.on_node("pkill -CONT -x culvert-ztunnel");

  lab.on_node("pkill -STOP -x culvert-agent");
  becomes_red({node + ": answers"}, {"agent", "culvert-agent"});
  lab.on_node("pkill -CONT -x culvert-agent");

  // Behind the one in use, or the runtime had no network.
  lab.on_node("echo '{' >/etc/cni/net.d/99-half.conflist");
  becomes_red({node + ": CNI configuration"}, {"99-half.conflist", "correct or remove the file"});
  lab.on_node("rm /etc/cni/net.d/99-half.conflist");

  lab.on_node("iptables -I OUTPUT -p tcp --dport 15008 -j DROP");
  becomes_red({node + ": probe connection"}, {"packets are lost", "firewall"});
  lab.on_node("iptables -D OUTPUT -p tcp --dport 15008 -j DROP");

  lab.town.apply(kAudit);
  Names all;
  for (const auto& one : lab.cluster.nodes()) {
    all.insert(one + ": source");
  }
  becomes_red(all, {"no action AUDIT", "correct the objects"});
  lab.town.must_kubectl({"delete", "authorizationpolicy", "audit"});
  becomes_green();
}

}  // namespace culvert::lab
