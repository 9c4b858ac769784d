// culvert-cni as a container runtime calls it, with an agent that a test plays, or without one.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <doctest/doctest.h>

#include "agent/cni/namespaces.h"
#include "tests/support/paths.h"
#include "tests/support/process.h"
#include "tests/unit/agent/scratch_folder.h"
#include "tests/unit/cni/fake_agent.h"

namespace culvert::cni {

namespace {

using nlohmann::json;

constexpr const char* kArgs =
    "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart;K8S_POD_UID=u1";
const std::string kCaptured = R"({"ok":true,"state":"captured"})";
const json kPrevious = {{"cniVersion", "1.1.0"}, {"ips", {{{"address", "10.0.0.5/24"}}}}};

struct Node {
  ScratchFolder folder;

  std::string socket() const { return folder / "enrol.sock"; }
  void wrote_down(const Namespaces& namespaces) const {
    REQUIRE(write_namespaces(folder / kNamespacesName, namespaces));
  }
  json config(const std::string& version = "1.1.0") const {
    return {{"cniVersion", version},           {"name", "pods"},
            {"type", "culvert-cni"},           {"runDir", folder.path()},
            {"stateDir", folder.path()},       {"exemptNamespaces", {"own"}},
            {"logFile", folder / "calls.log"}, {"prevResult", kPrevious}};
  }
  lab::Outcome call(const std::string& command, const std::string& args = kArgs,
                    const std::string& netns = "/proc/self/ns/net") const {
    return call_with(config().dump(), command, args, netns);
  }
  static lab::Outcome call_with(const std::string& input, const std::string& command,
                                const std::string& args = kArgs,
                                const std::string& netns = "/proc/self/ns/net") {
    return lab::run({},
                    {"env", "-i", "CNI_COMMAND=" + command, "CNI_CONTAINERID=c1", "CNI_IFNAME=eth0",
                     "CNI_PATH=/opt/cni/bin", "CNI_NETNS=" + netns, "CNI_ARGS=" + args,
                     lab::program("culvert-cni")},
                    std::chrono::seconds(20), input);
  }
};

json parsed(const lab::Outcome& outcome) {
  INFO(outcome.out, outcome.err);
  CHECK(outcome.err.empty());
  return json::parse(outcome.out, nullptr, false);
}

// The code of a failed call, after a look at the form of its answer.
int code_of(const lab::Outcome& outcome) {
  const json answer = parsed(outcome);
  CHECK(outcome.exit_code == 1);
  REQUIRE(answer.is_object());
  CHECK(!answer.value("msg", "").empty());
  return answer.value("code", -1);
}

std::string args_of(const std::string& ns) {
  return "K8S_POD_NAMESPACE=" + ns + ";K8S_POD_NAME=cart;K8S_POD_UID=u1";
}

}  // namespace

TEST_CASE("ADD brings the pod's netns to the agent and hands the result on, twice the same") {
  const Node node;
  FakeAgent agent(node.socket(), kCaptured);
  const auto first = node.call("ADD");
  CHECK(first.ok());
  CHECK(parsed(first) == kPrevious);
  CHECK(node.call("ADD").out == first.out);
  REQUIRE(agent.questions().size() == 2);
  CHECK(agent.questions()[0].fds == 1);
  CHECK(agent.questions()[0].request ==
        json{{"op", "add"}, {"uid", "u1"}, {"namespace", "shop"}, {"name", "cart"}});
}

TEST_CASE("ADD answers in each version that it is called in") {
  const Node node;
  const FakeAgent agent(node.socket(), kCaptured);
  for (const char* version : {"0.3.1", "0.4.0", "1.0.0", "1.1.0"}) {
    CAPTURE(version);
    const auto outcome = Node::call_with(node.config(version).dump(), "ADD");
    CHECK(outcome.ok());
    CHECK(parsed(outcome)["cniVersion"] == version);
    CHECK(parsed(outcome)["ips"][0].contains("version") == (version[0] == '0'));
  }
}

TEST_CASE("a pod that the agent does not want to be started is held with its sentence") {
  const Node node;
  const FakeAgent agent(node.socket(), R"({"ok":false,"error":"no ztunnel is connected"})");
  const auto outcome = node.call("ADD");
  CHECK(code_of(outcome) == 11);
  CHECK(parsed(outcome)["details"] == "no ztunnel is connected");
  CHECK(code_of(node.call("CHECK")) == 11);
}

TEST_CASE("an agent that has no place for the moment is asked again") {
  const Node node;
  const FakeAgent agent(node.socket(), kCaptured, 3);
  CHECK(node.call("ADD").ok());
}

TEST_CASE("without an agent pods are held by what it last wrote down") {
  const Node node;
  const auto held = [&](const std::string& ns) {
    const auto outcome = node.call("ADD", args_of(ns));
    if (outcome.ok()) {
      CHECK(parsed(outcome) == kPrevious);
      return false;
    }
    CHECK(code_of(outcome) == 11);
    CHECK(parsed(outcome).value("details", "").contains("culvert-agent"));
    return true;
  };
  CHECK(held("shop"));
  CHECK(held("till"));
  CHECK(!held("own"));
  node.wrote_down({"shop", "own"});
  CHECK(held("shop"));
  CHECK(!held("till"));
  CHECK(!held("own"));
}

TEST_CASE("an agent that answers nonsense is none") {
  const Node node;
  node.wrote_down({"shop"});
  for (const char* answer : {"garbage", "[]", R"({"ok":"yes"})"}) {
    CAPTURE(answer);
    const Node other;
    const FakeAgent agent(other.socket(), answer);
    CHECK(code_of(other.call("ADD")) == 11);
    other.wrote_down({});
    CHECK(other.call("ADD").ok());
  }
}

TEST_CASE("who is no pod of Kubernetes passes; one without a uid is held as without an agent") {
  const Node node;
  FakeAgent agent(node.socket(), kCaptured);
  CHECK(node.call("ADD", "").ok());
  const std::string nameless = "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart";
  const auto outcome = node.call("ADD", nameless);
  CHECK(code_of(outcome) == 11);
  CHECK(parsed(outcome)["msg"].get<std::string>().contains("K8S_POD_UID"));
  node.wrote_down({"till"});
  CHECK(node.call("ADD", nameless).ok());
  CHECK(agent.questions().empty());
}

TEST_CASE("a netns that is none is an error before anybody is asked") {
  const Node node;
  FakeAgent agent(node.socket(), kCaptured);
  CHECK(code_of(node.call("ADD", kArgs, "/nonexistent")) == 4);
  CHECK(code_of(node.call("ADD", kArgs, "/dev/null")) == 4);
  CHECK(agent.questions().empty());
}

TEST_CASE("DEL never fails for the agent's sake, and says nothing on success") {
  const Node node;
  const auto silent = [](const lab::Outcome& outcome) {
    return outcome.ok() && outcome.out.empty() && outcome.err.empty();
  };
  CHECK(silent(node.call("DEL")));  // no agent
  FakeAgent agent(node.socket(), R"({"ok":false,"error":"who is that"})");
  CHECK(silent(node.call("DEL")));
  CHECK(silent(node.call("DEL", "")));
  CHECK(silent(node.call("DEL", kArgs, "")));
  CHECK(silent(node.call("DEL", kArgs, "/gone")));
  json bare = node.config();
  bare.erase("prevResult");
  CHECK(silent(Node::call_with(bare.dump(), "DEL")));
  REQUIRE(agent.questions().size() == 2);
  CHECK(agent.questions()[0].request["op"] == "del");
  CHECK(agent.questions()[0].fds == 1);
}

TEST_CASE("STATUS is bad when no pod could start, GC and VERSION need no agent") {
  const Node node;
  CHECK(code_of(node.call("STATUS")) == 50);
  node.wrote_down({"shop"});
  CHECK(node.call("STATUS").ok());
  CHECK(node.call("GC").ok());
  const auto versions = parsed(node.call("VERSION"));
  CHECK(versions["supportedVersions"] == json{"0.3.1", "0.4.0", "1.0.0", "1.1.0"});
  const Node other;
  FakeAgent agent(other.socket(), R"({"ok":true})");
  CHECK(other.call("STATUS").ok());
  CHECK(agent.questions().at(0).request == json{{"op", "status"}});
}

TEST_CASE("input that is none gives one error each, and the whole of standard output is that") {
  CHECK(code_of(Node::call_with("", "ADD")) == 6);
  CHECK(code_of(Node::call_with("{", "ADD")) == 6);
  CHECK(code_of(Node::call_with(std::string(3 << 20, ' '), "ADD")) == 6);
  CHECK(code_of(Node::call_with("{}", "ADD")) == 1);
  CHECK(code_of(Node::call_with("{}", "")) == 4);
  CHECK(code_of(Node::call_with("{}", "EAT")) == 4);
}

TEST_CASE("each call is one line of the log, and a log that can't be written is no failure") {
  const Node node;
  const FakeAgent agent(node.socket(), kCaptured);
  (void)node.call("ADD");
  (void)node.call("ADD", kArgs, "/nonexistent");
  const std::string log = lab::read_file(node.folder / "calls.log");
  CHECK(std::ranges::count(log, '\n') == 2);
  const json first = json::parse(log.substr(0, log.find('\n')), nullptr, false);
  CHECK(first.value("command", "") == "ADD");
  CHECK(first.value("pod", "") == "pod shop/cart (u1)");
  CHECK(first.value("outcome", "") == "captured");
  json config = node.config();
  config["logFile"] = "/nonexistent/log";
  CHECK(Node::call_with(config.dump(), "ADD").ok());
}

}  // namespace culvert::cni
