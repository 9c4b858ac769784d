// Each right that the manifests give the agent is missed when it is gone, by words of its own that
// say which. The rights are read from the roles, so one more is tried as well.
// SPDX-License-Identifier: Apache-2.0
#include "tests/kube/cluster.h"
#include "tests/kube/rights.h"

namespace culvert::lab {

TEST_CASE("each right of the agent is needed, and it names the one that is gone") {
  Cluster cluster("kube rights");
  cluster.api.install_crds();
  cluster.label_namespace("ambient");
  Pod& shop = cluster.pod("shop");
  cluster.create_pod("metal", cluster.node.ip4(), "east", {}, /* host_network= */ true);
  cluster.certify_by_signers(1, {&cluster.node});
  cluster.node.start_agent();
  cluster.node.start_ztunnel();
  cluster.node.enrol(shop);

  Rights rights(cluster.api, "culvert-agent");
  for (const auto& right : rights.all()) {
    INFO(to_string(right));
    rights.take_away(right);
    // It is to write the annotation anew, and ztunnel to ask for a certificate.
    cluster.api.must_kubectl(
        {"annotate", "pod", "shop", "-n", "demo", "ambient.istio.io/redirection-"});
    cluster.node.ztunnel().kill();
    cluster.node.agent().kill();
    const auto before = cluster.node.agent_log().size();
    cluster.node.start_agent();
    cluster.node.start_ztunnel();
    CHECK_MESSAGE(
        eventually(30s, [&] { return is_missed(right, cluster.node.agent_log().substr(before)); }),
        cluster.node.agent_log().substr(before));
    if (right.verb == "list") {  // what may be missing might be a policy
      CHECK(eventually(
          30s, [&] { return cluster.source().ends_with("; not read yet: " + right.resource); }));
      CHECK_FALSE(cluster.complete());
    }
  }
  rights.give_back();
  CHECK(eventually(30s, [&] { return cluster.complete(); }));
}

}  // namespace culvert::lab
