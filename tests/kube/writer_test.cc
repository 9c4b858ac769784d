// What the agent writes into its cluster, as a real API server takes it, with the least rights.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "agent/cluster/kubernetes_writer.h"
#include "agent/kube/decode.h"
#include "tests/kube/following.h"
#include "tests/kube/shared_server.h"

namespace culvert::lab {

namespace {

constexpr const char* kPod = R"(
{apiVersion: v1, kind: Pod, metadata: {name: cart, namespace: NAMESPACE, annotations: {other: stays}},
 spec: {serviceAccountName: cart, containers: [{name: cart, image: cart}]}}
)";

// A namespace with a pod, and a writer who may do just what a writer must.
struct Shop {
  explicit Shop(const std::string& name)
      : ns(name),
        following(config_of(api.kubeconfig_for(name)),
                  {.resource = kConfigMap, .in_namespace = name}) {
    api.must_kubectl({"create", "namespace", ns});
    api.must_kubectl({"create", "serviceaccount", "cart", "-n", ns});
    for (const auto& [role, verb, resource] : {std::array{"annotates", "patch", "pods/status"},
                                               std::array{"warns", "create", "events"}}) {
      api.must_kubectl({"create", "role", role, "-n", ns, std::string("--verb=") + verb,
                        std::string("--resource=") + resource});
      api.must_kubectl(
          {"create", "rolebinding", role, "-n", ns, std::string("--role=") + role, "--user=" + ns});
    }
    make_pod();
  }
  void make_pod() {
    std::string text = kPod;
    api.apply(text.replace(text.find("NAMESPACE"), 9, ns));
  }
  mesh::LocalPod pod() const { return {.uid = get("{.metadata.uid}"), .ns = ns, .name = "cart"}; }
  std::string get(const std::string& path) const {
    return api.must_kubectl({"get", "pod", "cart", "-n", ns, "-o", "jsonpath=" + path});
  }
  std::string annotation() const {
    return get("{.metadata.annotations.ambient\\.istio\\.io/redirection}");
  }

  ApiServer& api = shared_server();
  std::string ns;
  Following following;
  cluster::KubernetesWriter writer{following.client(), "node-1",
                                   [] { return std::chrono::system_clock::now(); }};
};

}  // namespace

TEST_CASE("the annotation comes and goes, and the pod's others stay") {
  Shop shop("annotated");
  REQUIRE(shop.following.outcome(shop.writer.set_redirection(shop.pod(), true)));
  CHECK(shop.annotation() == "enabled");
  CHECK(shop.get("{.metadata.annotations.other}") == "stays");
  REQUIRE(shop.following.outcome(shop.writer.set_redirection(shop.pod(), false)));
  CHECK(shop.annotation().empty());
  CHECK(shop.get("{.metadata.annotations.other}") == "stays");
}

TEST_CASE("a pod that is gone is not written to, nor is the one that has its name") {
  Shop shop("replaced");
  const auto gone = shop.pod();
  shop.api.must_kubectl({"delete", "pod", "cart", "-n", shop.ns, "--force"});
  CHECK(shop.following.outcome(shop.writer.set_redirection(gone, true)));
  shop.make_pod();
  REQUIRE(shop.pod().uid != gone.uid);
  const auto written = shop.following.outcome(shop.writer.set_redirection(gone, true));
  CHECK_MESSAGE(written, to_string(written.error()));
  CHECK(shop.annotation().empty());
}

TEST_CASE("a warning is among the pod's Events") {
  Shop shop("warned");
  const auto posted =
      shop.following.outcome(shop.writer.post_warning(shop.pod(), "its sandbox is not supported"));
  REQUIRE_MESSAGE(posted, to_string(posted.error()));
  const auto events = shop.api.must_kubectl({"events", "-n", shop.ns, "--for", "pod/cart"});
  CHECK(events.contains("Warning"));
  CHECK(events.contains("NotInMesh"));
  CHECK(events.contains("its sandbox is not supported"));
}

TEST_CASE("a writer without rights is told which it lacks") {
  Shop shop("unwritten");
  shop.api.must_kubectl({"delete", "rolebinding", "annotates", "warns", "-n", shop.ns});
  const auto written = shop.following.outcome(shop.writer.set_redirection(shop.pod(), true));
  REQUIRE_FALSE(written);
  CHECK(to_string(written.error()).contains("cannot patch resource \"pods/status\""));
  const auto posted = shop.following.outcome(shop.writer.post_warning(shop.pod(), "why"));
  REQUIRE_FALSE(posted);
  CHECK(to_string(posted.error()).contains("cannot create resource \"events\""));
}

}  // namespace culvert::lab
