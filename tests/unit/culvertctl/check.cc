// What `culvertctl check` makes of what it is told, and how that looks.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "tests/unit/agent/scratch_folder.h"
#include "tools/culvertctl/check/node_lines.h"
#include "tools/culvertctl/check/pre_lines.h"

namespace culvert::ctl {
namespace {

constexpr WallClock kNow{std::chrono::seconds(1'700'000'000)};  // 2023-11-14T22:13:20Z

// A node on which all is well.
NodeAnswers healthy() {
  const auto parse = [](const char* text) { return Answer{Json::parse(text), ""}; };
  return {.agent = parse(R"({"version":"0.1.0","uptimeSeconds":90,"source":"/objects",
            "complete":true,"probeCgroup":"/sys/fs/cgroup/kubelet","cniConfDir":"/etc/cni/net.d",
            "addresses":2,"policies":1,"xdsClients":1})"),
          .errors = parse("[]"),
          .pods = parse(R"([{"namespace":"shop","name":"cart","ips":["10.0.0.5","fd00::5"],
            "state":"captured"}])"),
          .ztunnel = parse(R"({"version":"0.1.0","uptimeSeconds":7300,"ioBackend":"uring",
            "ioReason":"","xds":"connected","ca":"connected","zds":"connected","ready":true,
            "pending":[],"draining":false,"pods":1})"),
          .dump = parse(R"({"workloads":[{}],"services":[{}],"policies":[{}],"certificates":[
            {"identity":"spiffe://c/ns/shop/sa/cart","state":"Available","certChain":[
              {"validFrom":"2023-11-14T22:00:00Z","expirationTime":"2023-11-15T22:00:00Z"}]}]})")};
}

Result<> reached(const std::string&) {
  return {};
}

Lines lines_of(const NodeAnswers& answers, const Probe& probe = reached) {
  return node_lines(answers, kNow, probe);
}

std::vector<std::string_view> names_of(const Lines& lines, LineState state) {
  std::vector<std::string_view> names;
  for (const auto& line : lines) {
    if (line.state == state) {
      names.push_back(line.name);
    }
  }
  return names;
}

// check_only checks that one line failed, with these words and some advice.
void check_only(const Lines& lines, std::string_view name, const std::string& words) {
  REQUIRE(names_of(lines, LineState::failed) == std::vector{name});
  const auto line = *std::ranges::find(lines, LineState::failed, &Line::state);
  CAPTURE(line.reason);
  CHECK(line.reason.contains(words));
  CHECK_FALSE(line.next_step.empty());
  CHECK(has_failed(lines));
}

Answer error(const std::string& part, const std::string& sentence) {
  return {Json::array({{{"part", part}, {"file", ""}, {"object", ""}, {"error", sentence}}}), ""};
}

}  // namespace

TEST_CASE("a node on which all is well has nothing but good lines") {
  const Lines lines = lines_of(healthy());
  CHECK(names_of(lines, LineState::good).size() == lines.size());
  CHECK(!has_failed(lines));
}

TEST_CASE("the lines align, and what is wrong comes with the next step") {
  NodeAnswers answers = healthy();
  answers.errors = error("source", "cart.yaml: line 3: mapping expected");
  CHECK(render(lines_of(answers), false) ==
        R"(agent
  ✔ answers            0.1.0, up for 1m 30s
  ✘ source             cart.yaml: line 3: mapping expected
                       → correct the objects; culvertctl status lists all that were not understood
  ✔ kubelet            /sys/fs/cgroup/kubelet
  ✔ CNI configuration  culvert-cni is in the configuration in /etc/cni/net.d
  ✔ pods are captured  the kernel holds 1 pod as the source wants it

ztunnel
  ✔ answers            0.1.0, up for 2h 1m
  ✔ mesh (xDS)         connected, 2 workloads and services, 1 policy
  ✔ certificates (CA)  1 certificate, the next one ends in 23h 46m
  ✔ pods (ZDS)         connected, 1 pod
  ✔ ready              yes
  ✔ io_uring           uring
  ✔ probe connection   ztunnel answers on port 15008 of 1 pod

1 failed
)");
  CHECK(render(lines_of(healthy()), false).ends_with("\nall is well\n"));
  CHECK(render(lines_of(healthy()), true).contains("\x1b[32m✔\x1b[0m"));
}

TEST_CASE("as JSON the lines are objects, and ok says it all") {
  NodeAnswers answers = healthy();
  CHECK(Json::parse(to_json(lines_of(answers)))["ok"] == true);
  answers.ztunnel.value["zds"] = "connecting";
  const Json root = Json::parse(to_json(lines_of(answers)));
  CHECK(root["ok"] == false);
  const auto line = *std::ranges::find_if(
      root["checks"], [](const Json& check) { return text(check, "state") == "failed"; });
  CHECK(text(line, "group") == "ztunnel");
  CHECK(text(line, "name") == "pods (ZDS)");
  CHECK(text(line, "reason").contains("connecting"));
  CHECK(text(line, "nextStep").contains("--zds-socket"));
}

TEST_CASE("each thing that is wrong fails its own line") {
  struct Row {
    const char* part;
    const char* line;
  };
  for (const auto& [part, line] : {Row{"source", "source"},
                                   {"probes", "kubelet"},
                                   {"cni", "CNI configuration"},
                                   {"enrolment", "pods are captured"},
                                   {"kernel", "pods are captured"},
                                   {"xds", "mesh (xDS)"}}) {
    CAPTURE(part);
    NodeAnswers answers = healthy();
    answers.errors = error(part, "that is wrong");
    check_only(lines_of(answers), line, "that is wrong");
  }
}

TEST_CASE("of many mistakes the first one is told, and how many there are") {
  NodeAnswers answers = healthy();
  answers.errors = error("source", "the first");
  answers.errors.value.push_back(error("source", "the second").value[0]);
  answers.errors.value.push_back(error("source", "the third").value[0]);
  check_only(lines_of(answers), "source", "the first (and 2 more)");
}

TEST_CASE("a daemon that does not answer fails once; what it would have told is skipped") {
  NodeAnswers answers = healthy();
  answers.agent = answers.errors = answers.pods = {nullptr, "can't reach agent"};
  const Lines without_agent = lines_of(answers);
  check_only(without_agent, "answers", "can't reach agent");
  CHECK(names_of(without_agent, LineState::skipped).size() == 5);  // and the probe
  answers.ztunnel.value["xds"] = "connecting";
  answers.ztunnel.value["ready"] = false;
  check_only(lines_of(answers), "answers", "can't reach agent");

  answers = healthy();
  answers.ztunnel = answers.dump = {nullptr, "can't reach ztunnel"};
  const Lines without_ztunnel = lines_of(answers);
  check_only(without_ztunnel, "answers", "can't reach ztunnel");
  CHECK(names_of(without_ztunnel, LineState::skipped).size() == 6);
}

TEST_CASE("a mesh that is not the agent's is stale; one from elsewhere is not compared") {
  NodeAnswers answers = healthy();
  answers.agent.value["addresses"] = 3;
  check_only(lines_of(answers), "mesh (xDS)", "stale");
  answers.agent.value["xdsClients"] = 0;
  CHECK(!has_failed(lines_of(answers)));
  answers.ztunnel.value["xds"] = "connecting";
  answers.ztunnel.value["zds"] = "connecting";  // it asks for its pods later
  check_only(lines_of(answers), "mesh (xDS)", "connecting");
}

TEST_CASE("certificates fail when they are gone or missing, and warn when they are not renewed") {
  NodeAnswers answers = healthy();
  auto& certificate = answers.dump.value["certificates"][0];
  certificate["certChain"][0]["expirationTime"] = "2023-11-14T22:13:19Z";
  check_only(lines_of(answers), "certificates (CA)", "expired 1s ago");
  certificate["certChain"][0]["expirationTime"] = "2023-11-14T22:16:00Z";
  const Lines late = lines_of(answers);
  CHECK(names_of(late, LineState::warning) == std::vector<std::string_view>{"certificates (CA)"});
  CHECK(!has_failed(late));
  certificate["state"] = "Unavailable: the CA refuses";
  check_only(lines_of(answers), "certificates (CA)", "the CA refuses");
}

TEST_CASE("readiness fails alone only if no other line says why") {
  NodeAnswers answers = healthy();
  answers.ztunnel.value["ready"] = false;
  answers.ztunnel.value["pending"] = {"workload proxy manager"};
  check_only(lines_of(answers), "ready", "workload proxy manager");
  answers.ztunnel.value["zds"] = "connecting";
  check_only(lines_of(answers), "pods (ZDS)", "connecting");
}

TEST_CASE("a probe goes to the captured pods, and is skipped where it can't come through") {
  NodeAnswers answers = healthy();
  std::string probed;
  const auto lines = lines_of(answers, [&](const std::string& address) -> Result<> {
    probed += address;
    return fail(Errc::timed_out, "packets are lost");
  });
  CHECK(probed == "10.0.0.5");
  check_only(lines, "probe connection", "shop/cart (10.0.0.5): packets are lost");
  answers.pods.value[0]["state"] = "draining";
  CHECK(names_of(lines_of(answers), LineState::skipped) ==
        std::vector<std::string_view>{"probe connection"});
}

TEST_CASE("answers of any shape give lines") {
  for (const char* shape : {"null", "[]", "{}", "7", R"([[],{"ips":7,"state":"captured"}])",
                            R"({"certificates":[{"certChain":[7]}],"workloads":7})"}) {
    CAPTURE(shape);
    const Answer odd{Json::parse(shape), ""};
    CHECK(lines_of({odd, odd, odd, odd, odd}).size() == lines_of(healthy()).size());
  }
}

TEST_CASE("a kernel fails for what it misses, and warns for its age alone") {
  CHECK(kernel_line("6.1.0-13-amd64", {}).state == LineState::good);
  CHECK(kernel_line("10.0.1", {}).state == LineState::good);
  CHECK(kernel_line("5.14.0-503.el9", {}).state == LineState::warning);
  CHECK(kernel_line("6.0.9", {}).state == LineState::warning);
  const Line old = kernel_line("6.18.5", {"it has no SOCKHASH maps"});
  CHECK(old.state == LineState::failed);
  CHECK(old.reason.contains("SOCKHASH"));
}

TEST_CASE("rights are the capabilities of this process") {
  CHECK(rights_line("CapPrm:\t0\nCapEff:\t000001ffffffffff\n").state == LineState::good);
  const Line none = rights_line("CapEff:\t0000000000001000\n");
  CHECK(none.state == LineState::failed);
  CHECK(none.reason == "missing: CAP_SYS_ADMIN, CAP_BPF");
  CHECK(rights_line("").state == LineState::failed);
}

TEST_CASE("the CNI folder is judged as the agent will, and other meshes are named") {
  const ScratchFolder folder;
  const auto write = [&](const std::string& name, const std::string& text) {
    std::ofstream(folder / name) << text;
  };
  CHECK(cni_line(folder.path()).state == LineState::failed);
  CHECK(cni_line(folder / "nowhere").state == LineState::failed);
  CHECK(meshes_line(folder / "nowhere").state == LineState::skipped);
  write("20-net.conflist", R"({"cniVersion":"1.0.0","name":"n","plugins":[{"type":"ptp"}]})");
  CHECK(cni_line(folder.path()).reason.ends_with("20-net.conflist"));
  CHECK(meshes_line(folder.path()).state == LineState::good);
  write("10-half.conflist", R"({"cniVersion":)");
  CHECK(cni_line(folder.path()).state == LineState::warning);
  CHECK(meshes_line(folder.path()).state == LineState::good);
  write("05-mesh.conflist",
        R"({"cniVersion":"1.0.0","name":"n","plugins":[{"type":"ptp"},{"type":"linkerd-cni"}]})");
  const Line other = meshes_line(folder.path());
  CHECK(other.state == LineState::failed);
  CHECK(other.reason.contains("Linkerd"));
  CHECK(other.reason.contains("05-mesh.conflist"));
}

}  // namespace culvert::ctl
