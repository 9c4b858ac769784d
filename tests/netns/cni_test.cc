// culvert-cni, called as a container runtime calls it, with the real agent or in its absence; and
// the agent that keeps it in the node's CNI configuration.
// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>

#include "tests/netns/two_nodes.h"

namespace culvert::lab {

namespace {

using nlohmann::json;

const json kPrevious = {{"cniVersion", "1.0.0"}, {"ips", {{{"address", "10.77.1.10/16"}}}}};

// call is what containerd does for a sandbox whose interface is made.
Outcome call(const Node& node, const std::string& command, const Pod& pod,
             std::string ns = std::string(kNamespace)) {
  const json config = {{"cniVersion", "1.0.0"},
                       {"name", "lab"},
                       {"type", "culvert-cni"},
                       {"runDir", node.paths().run_folder},
                       {"stateDir", node.paths().run_folder + "/state"},
                       {"prevResult", kPrevious}};
  const auto args = fmt::format(
      "IgnoreUnknown=1;K8S_POD_NAMESPACE={};K8S_POD_NAME={};"
      "K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_UID={}",
      ns, pod.name(), pod.spec().uid);
  return run({},
             {"env", "-i", "CNI_COMMAND=" + command, "CNI_CONTAINERID=c1", "CNI_IFNAME=eth0",
              "CNI_NETNS=/run/netns/" + pod.netns(), "CNI_ARGS=" + args, program("culvert-cni")},
             30s, config.dump());
}

int code_of(const Outcome& outcome) {
  const auto answer = json::parse(outcome.out, nullptr, false);
  return answer.is_object() ? answer.value("code", 0) : -1;
}

bool captured(const Node& node, const Pod& pod) {
  const auto pods = json::parse(node.ask_agent("/pods"), nullptr, false);
  return std::ranges::any_of(pods, [&](const json& view) {
    return view.value("name", "") == pod.name() && view.value("state", "") == "captured";
  });
}

// A node whose agent runs, and no pod is enrolled yet.
struct OneNode {
  Mesh mesh;
  Node& east;
  Pod& client;
  Pod& plain;

  explicit OneNode(std::string_view name, const Command& agent_flags = {})
      : mesh(name),
        east(mesh.node("east")),
        client(mesh.pod("client", "east")),
        plain(mesh.pod("plain", "east").outside_the_mesh()) {
    mesh.write_objects();
    east.start_agent(agent_flags);
    east.start_ztunnel();
    CHECK(eventually(10s, [&] { return !east.ask_agent("/status").empty(); }));
  }
};

}  // namespace

TEST_CASE("an ADD returns when the pod is captured, and again the same; DEL takes it away") {
  OneNode lab("cni add");
  const auto first = call(lab.east, "ADD", lab.client);
  INFO(first.out);
  CHECK(first.ok());
  CHECK(json::parse(first.out, nullptr, false) == kPrevious);
  CHECK(captured(lab.east, lab.client));  // before the pod's first process
  CHECK(call(lab.east, "ADD", lab.client).out == first.out);
  CHECK(call(lab.east, "CHECK", lab.client).ok());
  CHECK(call(lab.east, "DEL", lab.client).ok());
  CHECK_FALSE(captured(lab.east, lab.client));
  CHECK(call(lab.east, "DEL", lab.client).ok());
}

TEST_CASE("a pod outside of the mesh passes at once and is left alone") {
  OneNode lab("cni plain");
  const auto began = std::chrono::steady_clock::now();
  CHECK(call(lab.east, "ADD", lab.plain).ok());
  CHECK(std::chrono::steady_clock::now() - began < 3s);
  CHECK(call(lab.east, "CHECK", lab.plain).ok());
  CHECK_FALSE(captured(lab.east, lab.plain));
}

TEST_CASE("while the agent is away its last word decides; it takes the pods when it is back") {
  OneNode lab("cni away");
  REQUIRE(call(lab.east, "ADD", lab.client).ok());
  lab.east.agent().kill();
  const auto held = call(lab.east, "ADD", lab.client);
  INFO(held.out);
  CHECK(code_of(held) == 11);
  CHECK(held.out.contains("culvert-agent"));
  CHECK(call(lab.east, "ADD", lab.client, "elsewhere").ok());
  CHECK(call(lab.east, "DEL", lab.plain).ok());

  lab.east.start_agent();
  CHECK(eventually(10s, [&] { return call(lab.east, "ADD", lab.client).ok(); }));
  CHECK(call(lab.east, "CHECK", lab.client).ok());
  CHECK(captured(lab.east, lab.client));
}

TEST_CASE("without a ztunnel no pod of the mesh starts, and the runtime is told why") {
  OneNode lab("cni no ztunnel");
  lab.east.ztunnel().kill();
  const auto held = call(lab.east, "ADD", lab.client);
  INFO(held.out);
  CHECK(code_of(held) == 11);
  CHECK(held.out.contains("ztunnel"));
  CHECK(code_of(call(lab.east, "CHECK", lab.client)) == 11);
  CHECK(call(lab.east, "ADD", lab.plain).ok());
}

TEST_CASE("an agent keeps the plugin in the node's configuration until it is removed") {
  const std::string list =
      "{\"cniVersion\":\"1.0.0\",\"name\":\"lab\",\n \"plugins\":[\n  "
      "{\"type\":\"ptp\",\"x\":1.50}\n ]}\n";
  Mesh mesh("cni conflist");
  Node& east = mesh.node("east");
  mesh.write_objects();
  const std::string conf = mesh.grounds().folder("net.d");
  const std::string bin = mesh.grounds().folder("bin");
  const Command flags = {"--cni-conf-dir", conf, "--cni-bin-dir", bin};
  const std::string file = conf + "/10-lab.conflist";
  const auto has_entry = [&] { return read_file(file).contains("culvert-cni"); };
  write_file(file, list);
  east.start_agent(flags);
  CHECK(eventually(10s, has_entry));
  CHECK(eventually(5s, [&] { return std::filesystem::exists(bin + "/culvert-cni"); }));
  CHECK(run({}, {"env", "-i", "CNI_COMMAND=VERSION", bin + "/culvert-cni"}).ok());

  write_file(file, list);
  CHECK(eventually(1s, has_entry));
  write_file(file, "{ half");
  CHECK(eventually(5s, [&] { return east.ask_agent("/errors").contains("10-lab.conflist"); }));
  CHECK(read_file(file) == "{ half");
  write_file(file, list);
  CHECK(eventually(1s, has_entry));

  east.agent().kill();
  CHECK(has_entry());  // an agent that ends leaves everything
  const auto& paths = east.paths();
  Command removal = {program("culvert-agent"),
                     "--remove",
                     "--pin-dir",
                     paths.bpffs + "/culvert",
                     "--run-dir",
                     paths.run_folder,
                     "--state-dir",
                     paths.run_folder + "/state",
                     "--cgroup",
                     paths.cgroup};
  removal.insert(removal.end(), flags.begin(), flags.end());
  const auto removed = run({}, removal);
  INFO(removed.err);
  CHECK(removed.ok());
  CHECK(read_file(file) == list);
  CHECK(std::filesystem::is_empty(bin));
  CHECK(std::ranges::distance(std::filesystem::directory_iterator(conf),
                              std::filesystem::directory_iterator()) == 1);
}

}  // namespace culvert::lab
