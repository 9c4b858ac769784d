// Without the API server.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tests/kind/callers.h"
#include "tests/kind/held.h"
#include "tests/kind/installed.h"
#include "tests/support/paths.h"

namespace culvert::lab {

namespace {

constexpr auto kOutage = 180s;
// Renewed at 40 to 60 % of its life: within the outage when it was issued just before.
constexpr const char* kLifetime = "certificateLifetime=5m";
constexpr auto kRenewedWithin = 30s;

// Outage takes the API server away for as long as it lives.
class Outage {
 public:
  explicit Outage(const Cluster& cluster) : cluster_(cluster) { move(kManifest, kAside); }
  // It is back when pods reach it again: by its Service, which takes kube-proxy longer than it.
  ~Outage() {
    move(kAside, kManifest);
    CHECK(eventually(120s, [&] {
      return run({}, cluster_.in_network_of(cluster_.worker(0), {"curl", "-sk", kReady})).out ==
             "ok";
    }));
  }
  Outage(Outage&&) = delete;
  Outage& operator=(Outage&&) = delete;

 private:
  static constexpr const char* kManifest = "/etc/kubernetes/manifests/kube-apiserver.yaml";
  static constexpr const char* kReady = "https://10.96.0.1/readyz";
  static constexpr const char* kAside = "/kind/kube-apiserver.yaml";

  void move(const char* from, const char* to) const {
    cluster_.must_on_node(cluster_.nodes()[0], {"mv", from, to});
  }

  const Cluster& cluster_;
};

// The serial number of the certificate that a node's ztunnel holds for the caller.
std::string serial(const Cluster& cluster, const Callers& callers) {
  const auto certificates = nlohmann::json::parse(must_run(
      {}, {program("culvertctl"), "--node", cluster.worker(0), "certs", "--output", "json"}, 30s));
  const std::string identity = fmt::format("/ns/{}/sa/caller", callers.town.name());
  for (const auto& each : certificates) {
    if (each.value("identity", "").ends_with(identity)) {
      return each["certChain"][0].value("serialNumber", "");
    }
  }
  return "";
}

// Certificates of a short life, as long as it lives.
struct ShortLives {
  explicit ShortLives(const Cluster& cluster) : of(cluster) { install(of, {"--set", kLifetime}); }
  ~ShortLives() { install(of); }
  ShortLives(ShortLives&&) = delete;
  ShortLives& operator=(ShortLives&&) = delete;

  const Cluster& of;
};

// CoreDNS, too, asks again a minute after the API server has gone, and until then does not know
// the Services that come: which is not for the tests behind this one to find out.
void forget_outage(const Cluster& cluster) {
  cluster.kubectl().must_run({"-n", "kube-system", "rollout", "restart", "deployment/coredns"});
  cluster.kubectl().must_run({"-n", "kube-system", "rollout", "status", "deployment/coredns"}, {},
                             120s);
}

}  // namespace

TEST_CASE(
    "without the API server for three minutes pods talk, and what fell due is done after it") {
  const Cluster& cluster = bare_cluster();
  const ShortLives lives(cluster);
  const Callers callers(cluster, "no-api");
  const std::string before = serial(cluster, callers);
  REQUIRE(!before.empty());
  {
    const Outage outage(cluster);
    std::this_thread::sleep_for(kOutage);
  }
  const auto back = std::chrono::steady_clock::now();
  CHECK(eventually(kRenewedWithin, [&] { return serial(cluster, callers) != before; }));
  const auto took = std::chrono::steady_clock::now() - back;
  MESSAGE("renewed after ", std::chrono::duration_cast<std::chrono::seconds>(took).count(), " s");
  CHECK(callers.go_on());
  CHECK(callers.lost() == 0);
  MESSAGE(callers.made(), " connections, ", callers.lost(), " lost");

  // And what is new takes part again, on every node: their kubelets take up to a minute more.
  const Command calls{"culvert-load", "connections", callers.town.ip("echo"), kEchoPort, "10", "1"};
  for (const auto& node : cluster.nodes()) {
    callers.town.client("late-" + node, {.node = node});
  }
  callers.town.wait_until_ready();
  for (const auto& node : cluster.nodes()) {
    CHECK(eventually(60s, [&] { return callers.town.in_pod("late-" + node, calls).ok(); }));
  }
  forget_outage(cluster);
}

}  // namespace culvert::lab
