// `culvertctl check` from a laptop, against a real API server: each thing that is wrong in a
// cluster turns its line, and no other, with its advice.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/kube/shared_server.h"
#include "tests/support/paths.h"

namespace culvert::lab {

namespace {

using nlohmann::json;

constexpr const char* kSystem = "culvert-system";

struct Checked {
  int exit_code = -1;
  json lines;
  std::string shown;

  // others gives the lines that are not good.
  std::set<std::string> others() const {
    std::set<std::string> names;
    for (const auto& line : lines) {
      if (line.value("state", "") != "good") {
        names.insert(line.value("state", "") + " " + line.value("name", ""));
      }
    }
    return names;
  }
  std::string of(std::string_view name, const char* key) const {
    for (const auto& line : lines) {
      if (line.value("name", "") == name) {
        return line.value(key, "");
      }
    }
    return "";
  }
};

// A place with kubectl and a kubeconfig, and no folder of daemons.
Checked check(const ApiServer& api, const Command& flags, const std::string& kubeconfig) {
  Command command{"env", "KUBECONFIG=" + kubeconfig, "CULVERT_RUN_DIR=" + api.folder() + "/none",
                  "HOME=" + api.folder(),
                  "PATH=" + kubernetes_folder("kubeall") + ":/usr/bin:/bin"};
  const Command call{program("culvertctl"), "check", "-o", "json"};
  command.insert(command.end(), call.begin(), call.end());
  command.insert(command.end(), flags.begin(), flags.end());
  const Outcome outcome = run({}, command, 60s);
  const auto root = json::parse(outcome.out, nullptr, false);
  return {.exit_code = outcome.exit_code,
          .lines = root.is_object() ? root["checks"] : json::array(),
          .shown = outcome.out + outcome.err};
}

void check_only(const Checked& checked, const std::string& line, const std::string& reason,
                const std::string& next_step) {
  INFO(checked.shown);
  CHECK(checked.others() == std::set{line});
  const std::string name = line.substr(line.find(' ') + 1);
  CHECK(checked.of(name, "reason").contains(reason));
  CHECK(checked.of(name, "nextStep").contains(next_step));
  CHECK(checked.exit_code == (line.starts_with("failed") ? 1 : 0));
}

// As a kubelet does, with a clock that is off by as much.
void renew_lease(const ApiServer& api, const std::string& node, std::chrono::seconds offset) {
  const auto time =
      std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + offset;
  api.apply(fmt::format(R"(apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {{name: {}, namespace: kube-node-lease}}
spec: {{holderIdentity: {}, renewTime: "{:%FT%T}.000000Z"}}
)",
                        node, node, fmt::gmtime(time)));
}

void add_node(const ApiServer& api, const std::string& name) {
  api.apply(fmt::format("{{apiVersion: v1, kind: Node, metadata: {{name: {}}}}}", name));
  api.must_kubectl({"patch", "node", name, "--subresource=status", "--type=merge", "-p",
                    R"({"status":{"nodeInfo":{"kernelVersion":"6.12.1","operatingSystem":"linux",
                       "architecture":"","bootID":"","containerRuntimeVersion":"",
                       "kubeProxyVersion":"","kubeletVersion":"","machineID":"","osImage":"",
                       "systemUUID":""},
                       "conditions":[{"type":"Ready","status":"True"}]}})"});
  renew_lease(api, name, 0s);
}

}  // namespace

TEST_CASE("before the installation each thing that is wrong in a cluster is its own line") {
  const ApiServer api;
  eventually(30s, [&] { return api.kubectl({"get", "namespace", "kube-node-lease"}).ok(); });
  add_node(api, "east");
  const auto pre = [&] { return check(api, {"--pre"}, api.kubeconfig()); };

  // Without the CRDs all works, and it is said.
  const Checked bare = pre();
  INFO(bare.shown);
  CHECK(bare.exit_code == 0);
  CHECK(bare.others() ==
        std::set<std::string>{"warning Istio's kinds", "warning Gateway API's kinds"});
  CHECK(bare.of("Istio's kinds", "nextStep").contains("CRDs of Istio"));
  api.install_crds();
  const Checked green = pre();
  INFO(green.shown);
  CHECK(green.exit_code == 0);
  CHECK(green.others().empty());
  CHECK(green.lines.size() == 8);

  renew_lease(api, "east", -300s);
  check_only(pre(), "failed clocks", "east by -", "NTP");
  renew_lease(api, "east", 0s);

  api.apply(R"(apiVersion: v1
kind: Namespace
metadata: {name: culvert-system, labels: {pod-security.kubernetes.io/enforce: restricted}}
)");
  check_only(pre(), "failed namespace", "\"restricted\"", "=privileged");
  api.must_kubectl({"label", "namespace", kSystem, "pod-security.kubernetes.io/enforce-"});

  api.apply(R"(apiVersion: apps/v1
kind: DaemonSet
metadata: {name: istio-cni-node, namespace: default}
spec:
  selector: {matchLabels: {app: x}}
  template: {metadata: {labels: {app: x}}, spec: {containers: [{name: x, image: x}]}}
)");
  check_only(pre(), "failed other meshes", "DaemonSet default/istio-cni-node", "uninstall it");
  api.must_kubectl({"delete", "daemonset", "istio-cni-node"});

  api.must_kubectl({"patch", "node", "east", "--subresource=status", "--type=merge", "-p",
                    R"({"status":{"conditions":[{"type":"Ready","status":"False"}]}})"});
  check_only(pre(), "warning nodes", "not ready: east", "kubectl describe node");

  check_only(check(api, {"--pre"}, "/nowhere"), "failed API server", "kubectl says", "KUBECONFIG");
}

TEST_CASE("who may look at everything and create nothing is told what is missing") {
  const ApiServer& api = shared_server();
  add_node(api, "west");
  const auto viewer = api.kubeconfig_for("viewer");
  api.apply(R"(apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: viewer}
rules: [{apiGroups: ["*"], resources: ["*"], verbs: [get, list]},
        {apiGroups: [apps], resources: [daemonsets], verbs: [create]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: viewer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: viewer}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: viewer}]
)");
  CHECK(eventually(30s, [&] {
    return check(api, {"--pre"}, viewer).others() == std::set<std::string>{"failed rights"};
  }));
  const Checked checked = check(api, {"--pre"}, viewer);
  check_only(checked, "failed rights", "you may not create namespaces, ", "administrator");
  CHECK_FALSE(checked.of("rights", "reason").contains("daemonsets"));

  // Who may not even look is told for each line, and that is no failure of the cluster.
  const Checked blind = check(api, {"--pre"}, api.kubeconfig_for("nobody"));
  INFO(blind.shown);
  CHECK(blind.others() == std::set<std::string>{"failed rights", "skipped nodes", "skipped clocks",
                                                "skipped other meshes", "skipped namespace"});
  CHECK(blind.of("clocks", "reason").contains("forbidden"));
}

TEST_CASE("the rights that are asked about are those that the manifests take") {
  const ApiServer& api = shared_server();
  api.must_kubectl({"create", "namespace", "kinds"});
  std::set<std::string> made{"secrets"};  // Helm's
  for (const char* part : {"base", "uninstall"}) {
    std::istringstream names(
        api.must_kubectl({"create", "--dry-run=client", "-o", R"(jsonpath={.kind}{"\n"})", "-k",
                          source_folder() + "/manifests/kustomize/" + part}));
    for (std::string kind; std::getline(names, kind);) {
      std::ranges::transform(kind, kind.begin(), ::tolower);
      made.insert(kind + "s");
    }
  }
  std::set<std::string> asked;
  const Checked blind = check(api, {"--pre"}, api.kubeconfig_for("nobody"));
  const std::string reason = blind.of("rights", "reason");
  std::istringstream words(reason.substr(reason.find("create ") + 7));
  for (std::string word; std::getline(words >> std::ws, word, ',');) {
    asked.insert(word);
  }
  CHECK(asked == made);
}

TEST_CASE(
    "after the installation what is missing of it is said, and where nothing is, how to install") {
  const ApiServer& api = shared_server();
  add_node(api, "west");
  check_only(check(api, {"--namespace", "elsewhere"}, api.kubeconfig()), "failed daemons",
             "no Culvert in namespace elsewhere", "culvertctl install");

  // Nobody runs the pods of this server, so no node has any.
  api.must_kubectl({"apply", "-k", source_folder() + "/manifests/kustomize/base"});
  api.must_kubectl({"scale", "deployment/culvert-signer", "-n", kSystem, "--replicas=0"});
  const Checked checked = check(api, {}, api.kubeconfig());
  INFO(checked.shown);
  CHECK(checked.exit_code == 1);
  CHECK(checked.others() == std::set<std::string>{"failed signer", "failed every node"});
  CHECK(checked.of("every node", "reason").contains("no agent on west"));
  CHECK(checked.of("signer", "nextStep").contains("--replicas=2"));
}

}  // namespace culvert::lab
