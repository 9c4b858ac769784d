// SPDX-License-Identifier: Apache-2.0
#include "tests/kind/installed.h"

#include <fmt/format.h>

#include "tests/support/api_server.h"
#include "tests/support/paths.h"

namespace culvert::lab {

namespace {

constexpr const char* kRelease = "culvert";

}  // namespace

const Cluster& bare_cluster() {
  static const Cluster cluster;
  return cluster;
}

const Cluster& installed_cluster() {
  static const bool done = (install(bare_cluster()), true);
  static_cast<void>(done);
  return bare_cluster();
}

void install_crds(const Cluster& cluster) {
  cluster.kubectl().must_run({"apply", "--server-side", "-f", kubernetes_folder("crds")});
}

void install(const Cluster& cluster) {
  install_crds(cluster);
  cluster.kubectl().apply(fmt::format(R"(apiVersion: v1
kind: Namespace
metadata:
  name: {}
  labels: {{pod-security.kubernetes.io/enforce: privileged, istio.io/dataplane-mode: none}}
)",
                                      kSystem));
  cluster.helm({"upgrade", "--install", kRelease, source_folder() + "/manifests/helm/culvert",
                "--namespace", kSystem, "--wait"});
}

void uninstall(const Cluster& cluster) {
  if (!cluster.helm({"list", "--short", "--namespace", kSystem}).empty()) {
    cluster.helm({"uninstall", kRelease, "--namespace", kSystem, "--wait"});
  }
  cluster.kubectl().must_run({"delete", "namespace", kSystem, "--ignore-not-found"}, {}, 120s);
}

}  // namespace culvert::lab
