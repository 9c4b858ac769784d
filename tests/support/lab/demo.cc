// The steps of the demo. Each asks from outside, as a user would, and throws a sentence when the
// answer is not what the README promises.
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/lab/demo.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "tests/support/lab_error.h"
#include "tests/support/paths.h"

namespace culvert::lab {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kCanary = "canary-that-must-not-be-seen";
constexpr auto kPolicyWithin = 1s;  // from the file's rename to its effect
constexpr int kShownLines = 25;

long long ms_since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
}

std::string last_lines(const std::string& text, int count) {
  std::size_t at = text.size();
  while (count-- >= 0 && at != std::string::npos && at > 0) {
    at = text.rfind('\n', at - 1);
  }
  return at == std::string::npos ? text : text.substr(at == 0 ? 0 : at + 1);
}

nlohmann::json parse_answer(const Outcome& outcome, const std::string& what) {
  const auto answer = nlohmann::json::parse(outcome.out, nullptr, false);
  expect(outcome.ok() && answer.is_object(), "{} gave no answer: curl's exit code {}: {}{}", what,
         outcome.exit_code, outcome.err, outcome.out);
  return answer;
}

}  // namespace

Demo::Demo()
    : color_(::isatty(STDOUT_FILENO) == 1),
      mesh_(kDemoName),
      client_(mesh_.pod("client", "east")),
      server_(mesh_.pod("server", "west")),
      outsider_(mesh_.pod("outsider", "east").outside_the_mesh()),
      service_(mesh_.service("shop", {&server_})) {}

bool Demo::step(std::string_view promise, const std::function<std::string()>& check) {
  ++number_;
  const auto start = Clock::now();
  try {
    const std::string words = check();
    fmt::print("{} {:2} {}{}{} ({} ms)\n", color_ ? "\033[32m✓\033[0m" : "ok  ", number_, promise,
               words.empty() ? "" : ": ", words, ms_since(start));
    std::fflush(stdout);
    return true;
  } catch (const std::exception& error) {
    fmt::print("{} {:2} {} ({} ms)\n        {}\n", color_ ? "\033[31m✗\033[0m" : "FAIL", number_,
               promise, ms_since(start), error.what());
    std::fflush(stdout);
    return false;
  }
}

bool Demo::run_all() {
  if (!step("two nodes, a pod each, an agent and a ztunnel per node are up",
            [&] { return bring_up(); })) {
    return false;
  }
  bool good = true;
  good &=
      step("before STRICT, a pod outside the mesh is served, and the capture sees its plaintext",
           [&] { return control_is_seen(); });
  good &= step("a request by pod IP is answered, and the server saw the client's own address",
               [&] { return call_by_ip(false); });
  good &= step("a request by Service VIP is answered likewise", [&] { return call_by_vip(false); });
  good &= step("IPv6: by pod IP", [&] { return call_by_ip(true); });
  good &= step("IPv6: by Service VIP", [&] { return call_by_vip(true); });
  good &= step("the wire held no byte of the payload, and only port 15008 between the pods",
               [&] { return wire_is_sealed(); });
  good &= step("the access logs name both identities", [&] { return log_names_both(); });
  good &= step("a DENY policy cuts the connection that was open", [&] { return deny_cuts(); });
  good &=
      step("and lets no byte of a new one through", [&] { return deny_lets_nothing_through(); });
  good &= step("removing the policy heals", [&] { return healing(); });
  mesh_.apply("strict", strict_yaml());
  good &= step("under STRICT another process of the node does not reach the pod",
               [&] { return others_do_not(false); });
  good &= step("and the kubelet's stand-in does, directly", [&] { return kubelet_passes(false); });
  good &= step("IPv6: another process of the node does not", [&] { return others_do_not(true); });
  good &= step("IPv6: the kubelet's stand-in does", [&] { return kubelet_passes(true); });
  if (!good) {
    for (const Node& node : mesh_.nodes()) {
      fmt::print("\n--- the last lines of the agent of {}\n{}--- and of its ztunnel\n{}",
                 node.name(), last_lines(node.agent_log(), kShownLines),
                 last_lines(node.ztunnel_log(), kShownLines));
    }
  }
  return good;
}

std::string Demo::bring_up() {
  server_.serving_http().serving_echo();
  mesh_.start();
  return fmt::format("{} at {}, {} at {}", client_.name(), client_.ip4(), server_.name(),
                     server_.ip4());
}

// Asks with the canary in a header and in the path; the server's answer tells who it saw.
std::string Demo::call(const std::string& url, const std::string& path,
                       const std::string& own_address) {
  const std::string full = url + path + std::string(kCanary);
  const auto answer =
      parse_answer(client_.curl(full, {"-H", fmt::format("X-Canary: {}", kCanary)}), full);
  expect(answer.value("canary", "") == kCanary, "the header did not arrive: {}", answer.dump());
  expect(answer.value("peer", "") == own_address, "the server saw {} and not the client's {}",
         answer.value("peer", ""), own_address);
  return fmt::format("{} saw {}", answer.value("server", ""), answer.value("peer", ""));
}

std::string Demo::call_by_ip(bool six) {
  return call(six ? server_.url6() : server_.url(), "", six ? client_.ip6() : client_.ip4());
}

std::string Demo::call_by_vip(bool six) {
  return call(six ? service_.url6() : service_.url(), "", six ? client_.ip6() : client_.ip4());
}

// A capture that could see nothing would prove nothing: here is the one that sees.
std::string Demo::control_is_seen() {
  Capture wire = mesh_.capture("control");
  parse_answer(outsider_.curl(server_.url("/in-plain-sight")), "the outsider's request");
  wire.stop();
  expect(wire.holds("/in-plain-sight"), "the capture did not see what was sent in plaintext");
  return "seen";
}

std::string Demo::wire_is_sealed() {
  Capture wire = mesh_.capture("sealed");
  for (const bool six : {false, true}) {
    call_by_ip(six);
    call_by_vip(six);
  }
  wire.stop();
  const std::size_t packets = wire.packets().size();
  expect(!wire.holds(kCanary), "the payload stands in the capture");
  const std::set<int> ports = wire.ports_between(client_, server_);
  expect(ports == std::set<int>{15008}, "between the pods there were the ports {}",
         fmt::join(ports, ", "));
  return fmt::format("{} packets", packets);
}

std::string Demo::log_names_both() {
  const auto names_both = [&](const Node& node) {
    const std::string log = node.ztunnel_log();
    std::size_t start = 0;
    while (start < log.size()) {
      const std::size_t end = std::min(log.find('\n', start), log.size());
      const std::string line = log.substr(start, end - start);
      if (line.find("src.identity=\"" + client_.identity()) != std::string::npos &&
          line.find("dst.identity=\"" + server_.identity()) != std::string::npos) {
        return true;
      }
      start = end + 1;
    }
    return false;
  };
  for (const Node* node : {&client_.node(), &server_.node()}) {
    expect(eventually(2s, [&] { return names_both(*node); }),
           "no line of {}'s access log has both {} and {}", node->name(), client_.identity(),
           server_.identity());
  }
  return fmt::format("{} → {}", client_.identity(), server_.identity());
}

std::string Demo::deny_cuts() {
  Process& held = client_.start(
      {program("culvert-load"), "hold", server_.ip4(), std::to_string(kEchoPort)}, "held");
  expect(eventually(5s, [&] { return held.log().find("opened\": true") != std::string::npos; }),
         "the connection could not be opened: {}", held.log());
  const auto start = Clock::now();
  mesh_.apply("deny", deny_yaml("deny-client", client_, server_));
  const auto code = held.wait(5s);
  const auto took = ms_since(start);
  expect(code.has_value(), "the connection is still open 5 s after the policy was written");
  expect(took <= std::chrono::milliseconds(kPolicyWithin).count(), "it took {} ms", took);
  return fmt::format("cut after {} ms", took);
}

std::string Demo::deny_lets_nothing_through() {
  const Outcome outcome = client_.curl(server_.url("/denied"), {"--max-time", "2"});
  expect(outcome.exit_code != 0, "the request was answered: {}", outcome.out);
  const std::string seen = server_.log("whoami");
  expect(seen.find("/denied") == std::string::npos, "the server saw the request: {}",
         last_lines(seen, 3));
  return fmt::format("curl gave up with exit code {}", outcome.exit_code);
}

std::string Demo::healing() {
  mesh_.withdraw("deny");
  const auto start = Clock::now();
  const bool healed = eventually(kPolicyWithin, [&] {
    return client_.curl(server_.url("/healed"), {"--max-time", "1"}).ok();
  });
  expect(healed, "requests still fail {} ms after the policy was removed", ms_since(start));
  return fmt::format("after {} ms", ms_since(start));
}

std::string Demo::others_do_not(bool six) {
  const Command command = {"curl",      "-sS",
                           "--globoff", "--max-time",
                           "1",         (six ? server_.url6("/other") : server_.url("/other"))};
  const bool refused = eventually(2s, [&] { return !server_.node().run_as_other(command).ok(); });
  expect(refused, "a process of the node outside the kubelet's cgroup was answered");
  return "";
}

std::string Demo::kubelet_passes(bool six) {
  const std::string url = six ? server_.url6("/probe") : server_.url("/probe");
  const auto answer = parse_answer(
      server_.node().run_as_kubelet({"curl", "-sS", "--globoff", "--max-time", "3", url}),
      "the probe");
  const std::string own = six ? server_.node().ip6() : server_.node().ip4();
  expect(answer.value("peer", "") == own, "the server saw {} and not the node's {}",
         answer.value("peer", ""), own);
  return fmt::format("it saw the node's own {}", own);
}

bool Demo::measure() {
  const std::string port = std::to_string(kEchoPort);
  bool good = true;
  const auto show = [&](std::string_view what, const Command& command) {
    good &= step(what, [&] {
      const Outcome outcome = client_.run(command, 60s);
      expect(outcome.ok(), "exit code {}: {}{}", outcome.exit_code, outcome.out, outcome.err);
      return outcome.out.substr(0, outcome.out.find('\n'));
    });
  };
  const std::string load = program("culvert-load");
  show("16 connections of 1 KiB echo", {load, "requests", server_.ip4(), port, "16", "10"});
  show("one stream", {load, "bulk", server_.ip4(), port, "10"});
  show("connections, 8 at a time", {load, "connections", server_.ip4(), port, "10000", "8"});
  return good;
}

void Demo::keep() {
  mesh_.leave_running();
  fmt::print("\nThe mesh goes on running. To look around:\n");
  for (const Pod& pod : mesh_.pods()) {
    fmt::print("  # inside pod {}\n  {}\n", pod.name(), pod.enter_line());
  }
  fmt::print("  # a request by VIP\n  {}\n", client_.enter_line("curl " + service_.url()));
  for (const Node& node : mesh_.nodes()) {
    const std::string ctl =
        fmt::format("{} --run-dir {}", program("culvertctl"), node.paths().run_folder);
    fmt::print(
        "  {} status        # also workloads, services, policies, certs, connections, verdicts\n",
        ctl);
    fmt::print("  tail -f {}/ztunnel.log\n", node.paths().folder);
  }
  fmt::print("  ls {}/objects                # the Kubernetes objects; change them and see\n",
             mesh_.grounds().folder());
  fmt::print("  tools/demo --down            # removes every trace\n");
}

}  // namespace culvert::lab
