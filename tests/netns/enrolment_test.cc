// Pods that nobody reports: found among the node's processes by the cgroup that the kubelet makes,
// and enrolled because the source says so.
// SPDX-License-Identifier: Apache-2.0
#include "tests/netns/two_nodes.h"

namespace culvert::lab {

namespace {

// A container of `pod` as a kubelet with the systemd driver and containerd would place it.
Process start_container(const Mesh& mesh, const Pod& pod) {
  std::string uid = pod.spec().uid;
  std::ranges::replace(uid, '-', '_');
  const std::string cgroup = mesh.grounds().add_cgroup(fmt::format(
      "{}/pods/{}/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{}.slice/"
      "cri-containerd-4f2a.scope",
      pod.node().name(), pod.name(), uid));
  return Process::start({pod.netns(), cgroup}, {"sleep", "300"}, pod.log_path("container"));
}

bool is_captured(const Node& node, const Pod& pod) {
  const auto pods = nlohmann::json::parse(node.ask_agent("/pods"), nullptr, false);
  return pods.is_array() && std::ranges::any_of(pods, [&](const auto& one) {
           return one.value("name", "") == pod.name() && one.value("state", "") == "captured";
         });
}

bool takes_for_captured(const Node& node, const Pod& pod) {
  const auto dump = nlohmann::json::parse(node.ask_ztunnel("/config_dump"), nullptr, false);
  return dump.is_object() && std::ranges::any_of(dump["workloads"], [&](const auto& one) {
           return one.value("name", "") == pod.name() && one.value("protocol", "") == "HBONE";
         });
}

std::string without(std::string yaml, std::string_view words) {
  const auto at = yaml.find(words);
  REQUIRE(at != yaml.npos);
  return yaml.erase(at, words.size());
}

// The pods without a label of their own, and with the annotation that an agent writes, or not yet.
void write_pods(Mesh& mesh, bool captured) {
  for (const Pod& pod : mesh.pods()) {
    auto yaml = without(pod_yaml(pod), "istio.io/dataplane-mode: ambient");
    mesh.apply("pod-" + pod.name(),
               captured ? yaml : without(yaml, "ambient.istio.io/redirection: enabled"));
  }
}

}  // namespace

TEST_CASE("running pods join the mesh by their namespace's label alone, and leave it by it") {
  const std::string label = "istio.io/dataplane-mode: ambient";
  TwoNodes pair("running pods");
  const auto client = start_container(pair.mesh, pair.client);
  const auto server = start_container(pair.mesh, pair.server);
  pair.mesh.write_objects();
  pair.mesh.apply("namespace", without(namespace_yaml(), label));
  write_pods(pair.mesh, false);
  pair.mesh.start_daemons();
  for (Node* node : {&pair.east, &pair.west}) {
    node->wait_ready();
  }
  CHECK(answer_of(pair.client.curl(pair.server.url())).value("peer", "") == pair.client.ip4());
  CHECK_FALSE(is_captured(pair.east, pair.client));

  const auto both = [&](bool captured) {
    return is_captured(pair.east, pair.client) == captured &&
           is_captured(pair.west, pair.server) == captured;
  };
  pair.mesh.apply("namespace", namespace_yaml());
  CHECK(eventually(15s, [&] { return both(true); }));
  write_pods(pair.mesh, true);
  pair.mesh.wait_known();
  CHECK(eventually(5s, [&] { return takes_for_captured(pair.east, pair.server); }));
  Capture wire = pair.mesh.capture();
  CHECK(answer_of(pair.client.curl(pair.server.url("/canary-live"))).value("peer", "") ==
        pair.client.ip4());
  wire.stop();
  CHECK_FALSE(wire.holds("canary-live"));
  CHECK(wire.ports_between(pair.client, pair.server) == std::set<int>{15008});

  write_pods(pair.mesh, false);
  pair.mesh.apply("namespace", without(namespace_yaml(), label));
  CHECK(eventually(40s, [&] { return both(false); }));
  CHECK(pair.client.curl(pair.server.url()).ok());
}

TEST_CASE("a pod whose process comes late, or after the agent, is found by the comparison") {
  TwoNodes pair("late pods");
  pair.mesh.write_objects();
  pair.mesh.start_daemons();
  for (Node* node : {&pair.east, &pair.west}) {
    node->wait_ready();
  }
  CHECK_FALSE(is_captured(pair.east, pair.client));
  const auto client = start_container(pair.mesh, pair.client);
  CHECK(eventually(25s, [&] { return is_captured(pair.east, pair.client); }));
  INFO(pair.mesh.logs());
  CHECK_FALSE(is_captured(pair.west, pair.server));
}

}  // namespace culvert::lab
