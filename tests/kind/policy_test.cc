// Policy in a cluster: probes and Istio's objects, live.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/kind/held.h"
#include "tests/kind/installed.h"
#include "tests/kind/town.h"
#include "tests/support/waiting.h"

namespace culvert::lab {

namespace {

constexpr Milliseconds kLive = 20s;  // for an object to be in force; it takes a second

constexpr const char* kStrict = R"(apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict}
spec: {mtls: {mode: STRICT}}
)";

// Everyone but `friend`.
constexpr const char* kOnlyFriend = R"(apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: only-friend}}
spec:
  action: ALLOW
  rules: [{{from: [{{source: {{principals: [cluster.local/ns/{}/sa/friend]}}}}]}}]
)";

struct Probe {
  std::string name;
  std::string text;
};

}  // namespace

TEST_CASE("under STRICT the kubelet's probes reach a pod, and who is outside the mesh does not") {
  const Cluster& cluster = installed_cluster();
  const Town town(cluster, "strict", "istio.io/dataplane-mode: ambient");
  const Town outside(cluster, "outsider");
  town.apply(kStrict);
  const Probe probes[] = {
      {"http", "{httpGet: {path: /cgi-bin/who, port: 8080}, periodSeconds: 1}"},
      {"tcp", "{tcpSocket: {port: 8080}, periodSeconds: 1}"},
      {"exec", "{exec: {command: [busybox, test, -d, /www]}, periodSeconds: 1}"},
  };
  for (const auto& [name, text] : probes) {
    town.server(name, {.node = cluster.worker(1),
                       .more = fmt::format("readinessProbe: {}\nlivenessProbe: {}", text, text)});
  }
  // An etcd is a gRPC server that has the health service; every node has its image.
  const std::string etcd =
      cluster.kubectl().must_run({"get", "pods", "-n", "kube-system", "-l", "component=etcd", "-o",
                                  "jsonpath={.items[0].spec.containers[0].image}"});
  town.pod("grpc",
           {"etcd", "--data-dir=/tmp/etcd", "--listen-client-urls=http://0.0.0.0:2379",
            "--advertise-client-urls=http://127.0.0.1:2379"},
           {.node = cluster.worker(1),
            .more = "readinessProbe: {grpc: {port: 2379}, periodSeconds: 1}\n"
                    "livenessProbe: {grpc: {port: 2379}, periodSeconds: 1}",
            .image = etcd});
  town.client("inside", {.node = cluster.worker(0)});
  outside.client("client", {.node = cluster.worker(0)});
  town.wait_until_ready();
  outside.wait_until_ready();
  for (const auto& [name, text] : probes) {
    INFO(name);
    CHECK(answered(town, "inside", name));
    // The kubelet asks the same port in plaintext, and is the only one who may.
    CHECK(eventually(kLive, [&] { return !outside.ask("client", name + ".strict").ok(); }));
  }
  std::this_thread::sleep_for(
      5s);  // some periods: a failing liveness probe would have restarted it
  for (const std::string name : {"http", "tcp", "exec", "grpc"}) {
    INFO(name);
    CHECK(town.get(name, ".status.containerStatuses[0].restartCount") == "0");
    CHECK(town.get(name, R"(.status.conditions[?(@.type=="Ready")].status)") == "True");
  }
  // And live: without the policy plaintext is served again.
  town.must_kubectl({"delete", "peerauthentication", "strict"});
  CHECK(eventually(kLive, [&] { return outside.ask("client", "http.strict").ok(); }));
}

TEST_CASE("an AuthorizationPolicy takes hold of connections that are open, and of new ones") {
  const Cluster& cluster = installed_cluster();
  const Town town(cluster, "policy", "istio.io/dataplane-mode: ambient");
  town.server("server", {.node = cluster.worker(1)});
  town.pod("echo", {"culvert-load", "echo", "9000"}, {.node = cluster.worker(1)});
  town.client("friend", {.node = cluster.worker(0)});
  town.client("stranger", {.node = cluster.worker(0)});
  town.wait_until_ready();
  CHECK(answered(town, "friend", "server"));
  CHECK(answered(town, "stranger", "server"));

  Held of_stranger(town, "stranger", "echo");
  Held of_friend(town, "friend", "echo");
  CHECK(of_stranger.opened());
  CHECK(of_friend.opened());

  town.apply(fmt::format(kOnlyFriend, town.name()));
  CHECK(of_stranger.is_cut_within(kLive));
  CHECK(eventually(kLive, [&] { return !town.ask("stranger", "server").ok(); }));
  const Outcome friends = town.ask("friend", "server");
  CHECK_MESSAGE(friends.ok(), friends.err);
  CHECK_FALSE(of_friend.is_cut_within(2s));
  town.must_kubectl({"delete", "authorizationpolicy", "only-friend"});
  CHECK(eventually(kLive, [&] { return town.ask("stranger", "server").ok(); }));
}

}  // namespace culvert::lab
