// The chart and the kustomize base against a real API server: the same objects, accepted, and taken
// out of a cluster again with no more rights than are needed.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/kube/shared_server.h"
#include "tests/support/paths.h"

namespace culvert::lab {

namespace {

using nlohmann::json;

constexpr const char* kSystem = "culvert-system";
constexpr const char* kHook = "system:serviceaccount:culvert-system:culvert-uninstall";

std::string manifests(std::string_view below) {
  return source_folder() + "/manifests/" + std::string(below);
}

Outcome helm_template(const Command& flags) {
  Command command{kubernetes_folder("helm") + "/helm",
                  "template",
                  "culvert",
                  manifests("helm/culvert"),
                  "--namespace",
                  kSystem,
                  "--kube-version",
                  "1.34.0"};
  command.insert(command.end(), flags.begin(), flags.end());
  return run({}, command, 30s);
}

// Base is what a user applies, on the shared server, until the test ends.
struct Base {
  Base() { shared_server().must_kubectl({"apply", "-k", manifests("kustomize/base")}); }
  // Without controllers a namespace does not end; all else does.
  ~Base() {
    shared_server().kubectl({"delete", "-k", manifests("kustomize/base"), "--wait=false"});
    shared_server().kubectl(
        {"replace", "--raw", "/api/v1/namespaces/culvert-system/finalize", "-f", "-"},
        R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"culvert-system"}})");
  }
  Base(Base&&) = delete;
  Base& operator=(Base&&) = delete;
};

// Uninstaller has the rights of the hook, and nothing else.
struct Uninstaller {
  Uninstaller() {
    shared_server().must_kubectl({"apply", "-k", manifests("kustomize/uninstall")});
    shared_server().must_kubectl({"delete", "job", "culvert-uninstall", "-n", kSystem});
  }
  ~Uninstaller() { shared_server().kubectl({"delete", "-k", manifests("kustomize/uninstall")}); }
  Uninstaller(Uninstaller&&) = delete;
  Uninstaller& operator=(Uninstaller&&) = delete;

  Outcome run() const {
    return lab::run({},
                    {program("culvert-agent"), "--uninstall", "--namespace", kSystem,
                     "--kubeconfig", shared_server().kubeconfig_for(kHook)},
                    60s);
  }
};

json object(const Command& which, const char* in_namespace = kSystem) {
  Command command{"get", "-o", "json", "-n", in_namespace};
  command.insert(command.end(), which.begin(), which.end());
  return json::parse(shared_server().must_kubectl(command));
}

bool exists(const Command& which) {
  Command command{"get", "-n", kSystem};
  command.insert(command.end(), which.begin(), which.end());
  return shared_server().kubectl(command).ok();
}

// Controllers does what kube-controller-manager and three nodes do, as far as it is asked for here.
class Controllers {
 public:
  Controllers() : thread_([this] { work(); }) {}
  ~Controllers() {
    ends_ = true;
    thread_.join();
  }
  Controllers(Controllers&&) = delete;
  Controllers& operator=(Controllers&&) = delete;

 private:
  static void set_status(const std::string& what, const json& status) {
    shared_server().kubectl({"patch", what, "-n", kSystem, "--subresource=status", "--type=merge",
                             "-p", json{{"status", status}}.dump()});
  }
  void work() {
    while (!ends_) {
      const auto agent = object({"daemonset", "culvert-agent"});
      set_status("daemonset/culvert-agent",
                 {{"observedGeneration", agent["metadata"]["generation"]},
                  {"desiredNumberScheduled", 3},
                  {"currentNumberScheduled", 3},
                  {"updatedNumberScheduled", 3},
                  {"numberMisscheduled", 0},
                  {"numberReady", 3}});
      const auto signer = object({"deployment", "culvert-signer"});
      set_status("deployment/culvert-signer", {{"replicas", signer["spec"]["replicas"]}});
      std::this_thread::sleep_for(200ms);
    }
  }

  std::atomic<bool> ends_ = false;
  std::thread thread_;
};

// The request of a certificate, as agents make them.
void ask_for_a_certificate(const std::string& name) {
  const std::string file = shared_server().folder() + "/" + name + ".csr";
  must_run({}, {"openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-keyout", "/dev/null", "-subj", "/CN=x", "-out", file});
  const json request{{"apiVersion", "certificates.k8s.io/v1"},
                     {"kind", "CertificateSigningRequest"},
                     {"metadata", {{"name", name}}},
                     {"spec",
                      {{"request", must_run({}, {"base64", "-w0", file})},
                       {"signerName", "culvert.dev/workload"},
                       {"usages", {"digital signature", "client auth", "server auth"}}}}};
  shared_server().apply(request.dump());
}

void make_what_daemons_make() {
  shared_server().apply(R"(apiVersion: v1
kind: Secret
metadata: {name: culvert-ca, namespace: culvert-system}
---
apiVersion: v1
kind: Secret
metadata: {name: cacerts, namespace: culvert-system}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: culvert-ca-roots, namespace: culvert-system}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: default, namespace: default}
---
apiVersion: v1
kind: Pod
metadata:
  name: captured
  namespace: default
  annotations: {ambient.istio.io/redirection: enabled, other: stays}
spec: {containers: [{name: app, image: app}]}
)");
  ask_for_a_certificate("csr-1");
}

}  // namespace

TEST_CASE("helm and kustomize give the same objects, but for the namespace") {
  const auto checked = run({}, {source_folder() + "/tools/manifests", "--check"}, 60s);
  CHECK_MESSAGE(checked.ok(), checked.out << checked.err);

  const std::string folder = shared_server().folder() + "/from-helm";
  std::filesystem::create_directories(folder);
  const auto rendered = helm_template({"--no-hooks"});
  REQUIRE_MESSAGE(rendered.ok(), rendered.err);
  write_file(folder + "/culvert.yaml", rendered.out);
  std::filesystem::copy_file(manifests("kustomize/base/namespace.yaml"),
                             folder + "/namespace.yaml");
  write_file(folder + "/kustomization.yaml", "resources: [namespace.yaml, culvert.yaml]\n");
  const std::string from_helm = shared_server().must_kubectl({"kustomize", folder});
  CHECK(from_helm.contains("kind: DaemonSet"));
  CHECK(from_helm == shared_server().must_kubectl({"kustomize", manifests("kustomize/base")}));
}

TEST_CASE("the server accepts all objects, in a dry run and in earnest") {
  shared_server().must_kubectl({"apply", "-f", manifests("kustomize/base/namespace.yaml")});
  const std::string dry = shared_server().must_kubectl(
      {"apply", "--dry-run=server", "-k", manifests("kustomize/base")});
  CHECK(dry.contains("daemonset.apps/culvert-agent created (server dry run)"));
  CHECK_FALSE(exists({"daemonset", "culvert-agent"}));
  const Base base;
  CHECK(exists({"daemonset", "culvert-agent"}));
  CHECK(exists({"daemonset", "culvert-ztunnel"}));
  CHECK(exists({"deployment", "culvert-signer"}));
}

TEST_CASE("a value that is none is refused, by its name") {
  struct Row {
    const char* set;
    const char* told;
  };
  for (const auto& row : {Row{"drainTime=1", "'drainTime' not allowed"},
                          Row{"ztunnel.drainSeconds=0", "/ztunnel/drainSeconds"},
                          Row{"trustDomain=Not A Domain", "/trustDomain"},
                          Row{"agent.cniConfDir=etc", "/agent/cniConfDir"},
                          Row{"signer.replicas=none", "/signer/replicas"}}) {
    const auto refused = helm_template({"--set", row.set});
    CHECK_FALSE(refused.ok());
    CHECK_MESSAGE(refused.err.contains(row.told), refused.err);
  }
}

TEST_CASE("uninstalling releases every node, and leaves nothing that a daemon made") {
  const Base base;
  const Uninstaller uninstaller;
  make_what_daemons_make();
  const Controllers controllers;
  for (const bool again : {false, true}) {
    CAPTURE(again);
    const auto ended = uninstaller.run();
    CHECK_MESSAGE(ended.ok(), ended.out << ended.err);
    CHECK(ended.out.contains("every node is released"));
    CHECK_FALSE(exists({"secret", "culvert-ca"}));
    CHECK_FALSE(exists({"configmap", "culvert-ca-roots"}));
    CHECK_FALSE(exists({"csr", "csr-1"}));
    CHECK(exists({"secret", "cacerts"}));  // the user's
    const auto agent = object({"daemonset", "culvert-agent"})["spec"]["template"]["spec"];
    CHECK(agent["initContainers"].size() == 1);
    CHECK(agent["initContainers"][0]["args"].back() == "--drain");
    CHECK(agent["containers"][0]["args"].back() == "--stay");
    CHECK(object({"deployment", "culvert-signer"})["spec"]["replicas"] == 0);
    const auto annotations = object({"pod", "captured"}, "default")["metadata"]["annotations"];
    CHECK(annotations.value("other", "") == "stays");
    CHECK_FALSE(annotations.contains("ambient.istio.io/redirection"));
  }
}

TEST_CASE("each right of the uninstallation is needed") {
  const Base base;
  const Uninstaller uninstaller;
  const Controllers controllers;
  for (const std::string kind : {"role", "clusterrole"}) {
    auto whole = object({kind, "culvert-uninstall"});
    whole["metadata"].erase("resourceVersion");
    for (std::size_t i = 0; i < whole["rules"].size(); ++i) {
      for (const auto& verb : whole["rules"][i]["verbs"]) {
        const std::string missing = kind + " rule " + std::to_string(i) + " " + verb.dump();
        CAPTURE(missing);
        make_what_daemons_make();
        auto less = whole;
        auto& verbs = less["rules"][i]["verbs"];
        verbs.erase(std::ranges::find(verbs, verb));
        if (verbs.empty()) {
          less["rules"].erase(i);
        }
        shared_server().must_kubectl({"replace", "-f", "-"}, less.dump());
        const auto ended = uninstaller.run();
        CHECK(ended.exit_code == 1);
        CHECK_MESSAGE(ended.err.contains("403"), ended.out << ended.err);
        CHECK_MESSAGE(ended.err.contains("cannot " + verb.get<std::string>()), ended.err);
      }
    }
    shared_server().must_kubectl({"replace", "-f", "-"}, whole.dump());
  }
}

}  // namespace culvert::lab
