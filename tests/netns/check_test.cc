// `culvertctl check` beside real daemons: green on a healthy node, and exactly one line red, with
// its advice, for each way in which a node is broken here:
//   after installation: the agent dead, ztunnel dead, an object that can't be read, no kubelet, a
//   CNI configuration that can't be read, a pod that nobody enrolled, a capture program taken out,
//   ztunnel without the agent's xDS, CA or ZDS, packets between node and pod lost;
//   before: no cgroup2, no rights, no CNI configuration, another mesh, no bpffs, no io_uring (which
//   only warns).
// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <fstream>

#include "bpf/include/culvert_abi.h"
#include "tests/netns/two_nodes.h"

namespace culvert::lab {

namespace {

using nlohmann::json;
using Names = std::vector<std::string>;

constexpr const char* kIoUringSwitch = "/proc/sys/kernel/io_uring_disabled";

struct Checked {
  int exit_code = -1;
  json lines;
  std::string shown;

  Names names(const std::string& state) const {
    Names names;
    for (const auto& line : lines) {
      if (line.value("state", "") == state) {
        names.push_back(line.value("group", "") + ": " + line.value("name", ""));
      }
    }
    return names;
  }
};

Checked read(const Outcome& outcome) {
  const auto root = json::parse(outcome.out, nullptr, false);
  return {.exit_code = outcome.exit_code,
          .lines = root.is_object() ? root["checks"] : json::array(),
          .shown = outcome.out + outcome.err};
}

Checked check(const Node& node) {
  return read(run(
      {node.paths().netns, {}},
      {program("culvertctl"), "check", "-o", "json", "--run-dir", node.paths().run_folder}, 30s));
}

// check_red checks that this line is the only one that failed, says why and what to do.
void check_red(const Checked& checked, const std::string& name, const std::string& reason,
               const std::string& next_step) {
  INFO(checked.shown);
  CHECK(checked.exit_code == 1);
  CHECK(checked.names("failed") == Names{name});
  for (const auto& line : checked.lines) {
    if (line.value("state", "") == "failed") {
      CHECK(line.value("reason", "").contains(reason));
      CHECK(line.value("nextStep", "").contains(next_step));
    }
  }
}

void check_green(const Checked& checked) {
  INFO(checked.shown);
  CHECK(checked.exit_code == 0);
  CHECK(checked.names("failed").empty());
  CHECK(checked.names("skipped").empty());
}

// A node with all that a check looks at.
struct CheckedNode {
  Mesh mesh;
  Node& east;
  Pod& client;
  std::string net_d;
  Command flags;

  explicit CheckedNode(std::string_view name)
      : mesh(name),
        east(mesh.node("east")),
        client(mesh.pod("client", "east")),
        net_d(mesh.grounds().folder("net.d")),
        flags{"--cni-conf-dir", net_d} {
    write_conf(R"({"cniVersion":"1.0.0","name":"lab","plugins":[{"type":"ptp"}]})");
    mesh.write_objects();
    east.start_agent(flags);
    east.start_ztunnel();
    east.enrol(client);
    east.wait_ready();
  }
  void write_conf(const std::string& text) const { write_file(net_d + "/10-lab.conflist", text); }
  void restart_agent(const Command& more = {}) {
    east.agent().kill();
    Command all = flags;
    all.insert(all.end(), more.begin(), more.end());
    east.start_agent(all);
  }
  void restart_ztunnel(const Command& more = {}) {
    east.ztunnel().kill();
    east.start_ztunnel(more);
  }
  void becomes_green() {
    CHECK(eventually(20s, [&] { return check(east).exit_code == 0; }));
    check_green(check(east));
  }
};

Checked check_before(const CheckedNode& lab, const std::string& prelude, const Command& more = {}) {
  std::string line = prelude + program("culvertctl") + " check --pre -o json --pin-dir " +
                     lab.east.paths().bpffs + "/culvert";
  for (const auto& word : more) {
    line += " " + word;
  }
  return read(run({}, {"unshare", "--mount", "sh", "-c", line}, 30s));
}

}  // namespace

TEST_CASE("a healthy node is green, and each broken agent turns its own line red") {
  CheckedNode lab("check agent");
  lab.becomes_green();

  lab.mesh.apply("broken", "kind: Pod\nmetadata: [unclosed\n");
  CHECK(eventually(5s, [&] { return lab.east.ask_agent("/errors").contains("broken.yaml"); }));
  check_red(check(lab.east), "agent: source", "broken.yaml", "correct the objects");
  lab.mesh.withdraw("broken");

  lab.write_conf("{ half");
  CHECK(eventually(5s, [&] { return lab.east.ask_agent("/errors").contains("10-lab"); }));
  check_red(check(lab.east), "agent: CNI configuration", "10-lab.conflist", "correct or remove");
  lab.write_conf(R"({"cniVersion":"1.0.0","name":"lab","plugins":[{"type":"ptp"}]})");
  lab.becomes_green();

  Pod& late = lab.mesh.pod("late", "east");
  lab.mesh.write_objects();
  CHECK(eventually(5s, [&] { return lab.east.ask_agent("/errors").contains("late"); }));
  check_red(check(lab.east), "agent: pods are captured", "late", "restart the culvert-agent");
  lab.east.enrol(late);
  lab.becomes_green();

  // A link whose pin is removed is detached: nobody else holds it. The agent pins a new one aside,
  // which it can't while the folder stands there.
  const std::string pin =
      fmt::format("{}/culvert/v{}/connect4", lab.east.paths().bpffs, CULVERT_ABI_VERSION);
  REQUIRE(std::filesystem::create_directory(pin + "-new"));
  REQUIRE(std::filesystem::remove(pin));
  check_red(check(lab.east), "agent: pods are captured", "in plaintext",
            "restart the culvert-agent");
  std::filesystem::remove(pin + "-new");
  lab.becomes_green();
  CHECK(lab.east.agent_log().contains("attached again"));

  lab.east.agent().kill();
  check_red(check(lab.east), "agent: answers", "can't reach agent", "start culvert-agent");
}

TEST_CASE("a kubelet whose cgroup is gone turns its own line red until it is there again") {
  CheckedNode lab("check kubelet");
  const std::string cgroup = lab.east.paths().cgroup + "/kubelet";
  REQUIRE(std::filesystem::remove(cgroup));
  CHECK(eventually(15s, [&] { return lab.east.ask_agent("/errors").contains("probes"); }));
  check_red(check(lab.east), "agent: kubelet", cgroup, "--probe-cgroup");
  std::filesystem::create_directory(cgroup);
  lab.becomes_green();
}

TEST_CASE("each broken ztunnel turns its own line red") {
  CheckedNode lab("check ztunnel");
  const std::string away = "unix:" + lab.east.paths().run_folder + "/nowhere.sock";
  const auto lose_answers = [&](const char* verb) {
    must_run({lab.client.netns(), {}}, {"ip", "route", verb, "blackhole", lab.east.ip4()});
  };
  lose_answers("add");
  check_red(check(lab.east), "ztunnel: probe connection", "packets are lost", "firewall");
  lose_answers("del");
  lab.becomes_green();

  lab.restart_ztunnel({"--xds-address", away});
  CHECK(eventually(10s, [&] { return !lab.east.ask_ztunnel("/status").empty(); }));
  check_red(check(lab.east), "ztunnel: mesh (xDS)", "connecting", "--xds-address");

  lab.restart_ztunnel({"--ca-address", away});
  CHECK(eventually(10s,
                   [&] { return lab.east.ask_ztunnel("/config_dump").contains("Unavailable"); }));
  check_red(check(lab.east), "ztunnel: certificates (CA)", "Unavailable", "CA answers");

  std::filesystem::remove(lab.east.paths().run_folder + "/zds.sock");
  lab.restart_ztunnel();
  CHECK(eventually(10s, [&] { return !lab.east.ask_ztunnel("/status").empty(); }));
  check_red(check(lab.east), "ztunnel: pods (ZDS)", "connecting", "--zds-socket");

  lab.east.ztunnel().kill();
  check_red(check(lab.east), "ztunnel: answers", "can't reach ztunnel", "start culvert-ztunnel");
  CHECK(run({}, {program("culvertctl"), "ready", "--run-dir", lab.east.paths().run_folder}).ok());
  lab.restart_agent();
  lab.restart_ztunnel();
  lab.becomes_green();
}

TEST_CASE("before the installation each thing that is missing turns its own line red") {
  const CheckedNode lab("check pre");
  const Command net_d = {"--cni-conf-dir", lab.net_d};
  check_green(check_before(lab, "", net_d));

  check_red(check_before(lab, "umount -a -l -t cgroup2; ", net_d), "kernel: cgroup2",
            "/proc/mounts", "mount");
  const std::string others = lab.mesh.grounds().folder() + "/filesystems";
  check_red(check_before(lab,
                         "grep -v bpf /proc/filesystems > " + others + "; mount --bind " + others +
                             " /proc/filesystems; umount -a -l -t bpf; ",
                         net_d),
            "kernel: bpffs", "no bpf file system", "CONFIG_BPF_SYSCALL");
  check_red(check_before(lab, "setpriv --bounding-set -bpf,-sys_admin ", net_d), "node: rights",
            "CAP_SYS_ADMIN, CAP_BPF", "root");
  // The switch is the whole machine's, so it is set for no longer than the check needs.
  const std::string io_uring = read_file(kIoUringSwitch);
  std::ofstream(kIoUringSwitch) << "2";
  const auto without_io_uring = check_before(lab, "unset CULVERT_IO; ", net_d);
  std::ofstream(kIoUringSwitch) << io_uring;
  CHECK(without_io_uring.exit_code == 0);
  CHECK(without_io_uring.names("warning") == Names{"kernel: io_uring"});
  check_red(check_before(lab, "", {"--cni-conf-dir", lab.mesh.grounds().folder("empty.d")}),
            "node: CNI configuration", "no CNI configuration", "network first");
  lab.write_conf(
      R"({"cniVersion":"1.0.0","name":"lab","plugins":[{"type":"ptp"},{"type":"istio-cni"}]})");
  check_red(check_before(lab, "", net_d), "node: other meshes", "istio-cni", "uninstall Istio");
}

}  // namespace culvert::lab
