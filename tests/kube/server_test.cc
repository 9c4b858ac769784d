// The ground that the other tests of this tier stand on: the server itself.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <signal.h>

#include <cerrno>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/kube/shared_server.h"

namespace culvert::lab {

namespace {

bool is_gone(pid_t pid) {
  return ::kill(pid, 0) != 0 && errno == ESRCH;
}

constexpr const char* kPolicy = R"(apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nobody, namespace: default}
spec: {action: ACTION, rules: [{to: [{operation: {ports: ["80"]}}]}]}
)";

std::string policy(const std::string& action) {
  std::string text = kPolicy;
  return text.replace(text.find("ACTION"), 6, action);
}

}  // namespace

TEST_CASE("an API server comes up, and ends without a trace") {
  std::string folder;
  pid_t etcd = 0;
  pid_t server = 0;
  {
    const ApiServer api;
    folder = api.folder();
    etcd = api.etcd().pid();
    server = api.server().pid();
    CHECK(api.must_kubectl({"get", "namespaces", "-o", "name"}).contains("namespace/default"));
  }
  CHECK(is_gone(etcd));
  CHECK(is_gone(server));
  CHECK_FALSE(std::filesystem::exists(folder));
}

TEST_CASE("Istio's and the Gateway API's kinds are served") {
  const std::string kinds = shared_server().must_kubectl({"api-resources", "-o", "name"});
  CHECK(kinds.contains("authorizationpolicies.security.istio.io"));
  CHECK(kinds.contains("peerauthentications.security.istio.io"));
  CHECK(kinds.contains("gateways.gateway.networking.k8s.io"));
}

TEST_CASE("a dry run is judged by the server, and changes nothing") {
  const ApiServer& api = shared_server();
  const Command dry_run{"apply", "--dry-run=server", "-f", "-"};
  CHECK(api.must_kubectl(dry_run, policy("DENY")).contains("server dry run"));
  const Outcome refused = api.kubectl(dry_run, policy("REFUSE"));
  CHECK(refused.exit_code == 1);
  CHECK(refused.err.contains("REFUSE"));
  CHECK(api.must_kubectl({"get", "authorizationpolicies", "-A", "-o", "name"}).empty());
}

TEST_CASE("a user without a role is refused by name") {
  const ApiServer& api = shared_server();
  const Outcome refused =
      api.kubectl({"get", "pods", "--kubeconfig", api.kubeconfig_for("nobody")});
  CHECK(refused.exit_code == 1);
  CHECK(refused.err.contains("User \"nobody\" cannot list resource \"pods\""));
}

TEST_CASE("who asks for a state that is forgotten is told 410") {
  ApiServer& api = shared_server();
  const auto page =
      nlohmann::json::parse(api.must_kubectl({"get", "--raw", "/api/v1/namespaces?limit=1"}));
  const std::string rest =
      "/api/v1/namespaces?limit=1&continue=" + page["metadata"]["continue"].get<std::string>();
  CHECK(api.kubectl({"get", "--raw", rest}).ok());
  api.must_kubectl({"create", "namespace", "later"});
  api.forget_history();
  const Outcome refused = api.kubectl({"get", "--raw", rest});
  CHECK(refused.exit_code == 1);
  CHECK(refused.err.contains("Expired"));
}

TEST_CASE("a server that was killed comes back with what it had") {
  ApiServer& api = shared_server();
  api.must_kubectl({"create", "namespace", "kept"});
  api.stop();
  CHECK_FALSE(api.kubectl({"get", "namespaces"}).ok());
  api.start();
  CHECK(api.kubectl({"get", "namespace", "kept"}).ok());
}

}  // namespace culvert::lab
