// Installing: what kubectl and helm would be told, from what is in the cluster.
// SPDX-License-Identifier: Apache-2.0
#include "tools/culvertctl/install.h"

#include <doctest/doctest.h>

namespace culvert::ctl {
namespace {

TEST_CASE("installing makes the namespace unless it is there, and hands flags on to helm") {
  const InstallOptions options{.command = "install", .helm_flags = {"--set", "image.tag=a b"}};
  CHECK(to_shell(plan(options, {})) ==
        "# the namespace of the daemons\n"
        "kubectl create namespace culvert-system\n"
        "# its pods may be privileged, and are not in the mesh themselves\n"
        "kubectl label --overwrite namespace culvert-system "
        "pod-security.kubernetes.io/enforce=privileged istio.io/dataplane-mode=none\n"
        "# all else\n"
        "helm upgrade --install culvert manifests/helm/culvert --namespace culvert-system --wait "
        "--set 'image.tag=a b'\n");
  const auto again = plan(options, {.with_namespace = true, .by_helm = true});
  CHECK(again.size() == 2);
  CHECK(again[1].command[0] == "helm");
}

TEST_CASE("uninstalling goes the way by which it was installed") {
  const InstallOptions options{.command = "uninstall", .in_namespace = "mesh"};
  const auto by_helm = to_shell(plan(options, {.with_namespace = true, .by_helm = true}));
  CHECK(by_helm.contains("helm uninstall culvert --namespace mesh --wait\n"));
  CHECK(by_helm.ends_with("kubectl delete namespace mesh\n"));
  const auto by_kustomize = to_shell(plan(options, {.with_namespace = true}));
  CHECK(
      by_kustomize.starts_with("# every node releases its pods first\n"
                               "kubectl apply -k manifests/kustomize/uninstall\n"
                               "kubectl wait --namespace mesh job/culvert-uninstall "));
  CHECK(by_kustomize.ends_with("kubectl delete -k manifests/kustomize/base\n"));
}

TEST_CASE("words that a shell would take apart are quoted") {
  CHECK(to_shell(Command{"helm", "it's", "", "a;b", "$HOME", "x=1"}) ==
        "helm 'it'\\''s' '' 'a;b' '$HOME' x=1");
}

TEST_CASE("programs are run with their output taken, and one that is missing is said") {
  const auto ran = run_quietly({"sh", "-c", "echo out; echo err >&2; exit 3"});
  REQUIRE(ran);
  CHECK(ran->exit_code == 3);
  CHECK(ran->out == "out\n");
  const auto missing = run_quietly({"no-such-program"});
  REQUIRE_FALSE(missing);
  CHECK(to_string(missing.error()).contains("no-such-program can't be started"));
}

}  // namespace
}  // namespace culvert::ctl
