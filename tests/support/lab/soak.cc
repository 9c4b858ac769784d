// The soak's actors take turns: a pod that comes and goes, a policy that comes and goes, and beside
// them loads that nobody may disturb and certificates that fall due every minute.
// SPDX-License-Identifier: Apache-2.0
#include "tests/support/lab/soak.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>

#include "tests/support/lab_error.h"
#include "tests/support/paths.h"

namespace culvert::lab {

namespace {

// Half of it, with the two minutes that leaves are dated back, is a renewal each minute.
constexpr std::string_view kCertificateLifetime = "4m";
constexpr auto kSampleEvery = 2s;
constexpr auto kSettle = 15s;
// The first fifth of the time grows pools, caches and arenas to their working size.
constexpr double kWarmUp = 0.2;
constexpr double kGrowthMax = 0.05;
// One descriptor more or less is a connection under way, and no leak.
constexpr long kDescriptorsNoise = 4;
constexpr std::size_t kWrongsShown = 20;
// Guests come again under the same names, as the pods of a Deployment do: metrics keep a series for
// each pair of workloads that ever talked.
constexpr int kGuestNames = 8;

std::string echo_port() {
  return std::to_string(kEchoPort);
}

// The IP address behind `key` in a line of the access log.
std::string ip_in(const std::string& line, std::string_view key) {
  const std::size_t at = line.find(key);
  if (at == std::string::npos) {
    return "";
  }
  const std::size_t begin = at + key.size() + (line[at + key.size()] == '"' ? 1 : 0);
  const std::string address = line.substr(begin, line.find_first_of(" \"", begin) - begin);
  const std::string ip = address.substr(0, address.rfind(':'));
  return ip.starts_with('[') ? ip.substr(1, ip.size() - 2) : ip;
}

int count_lines(const std::string& path, std::string_view with, std::string_view and_with) {
  std::ifstream file(path);
  std::string line;
  int count = 0;
  while (std::getline(file, line)) {
    count += line.find(with) != std::string::npos && line.find(and_with) != std::string::npos;
  }
  return count;
}

}  // namespace

Soak::Soak(std::chrono::minutes length)
    : length_(length),
      mesh_(kSoakName),
      client_(mesh_.pod("client", "east")),
      server_(mesh_.pod("server", "west")),
      visitor_(mesh_.pod("visitor", "east")) {}

bool Soak::run() {
  bring_up();
  start_ = sampled_ = Clock::now();
  fmt::print("soaking for {} min\n", length_.count());
  while (Clock::now() - start_ < length_) {
    churn_once();
    show_progress();
  }
  for (SteadyLoad& load : loads_) {
    if (const std::string lost = load.finish(60s); !lost.empty()) {
      wrong(lost);
    }
  }
  std::this_thread::sleep_for(kSettle);
  count_resets();
  count_renewals();
  judge_footprints();
  return report();
}

void Soak::bring_up() {
  server_.serving_http().serving_echo();
  client_.serving_echo();
  const ServiceSpec& echo = mesh_.service("echo", {&server_}, kEchoPort);
  mesh_.write_objects();
  for (Node& node : mesh_.nodes()) {
    node.start_agent({"--certificate-lifetime", std::string(kCertificateLifetime)});
    node.start_ztunnel();
  }
  mesh_.enrol_pods();
  for (Node& node : mesh_.nodes()) {
    node.wait_ready();
    footprints_.push_back({.name = node.name() + " ztunnel", .pid = node.ztunnel().pid()});
    footprints_.push_back({.name = node.name() + " agent", .pid = node.agent().pid()});
  }
  mesh_.wait_known();
  for (const Pod* pod : {&client_, &server_}) {
    steady_ips_.insert({pod->ip4(), pod->ip6()});
  }
  const std::string vip_port = std::to_string(echo.port);
  loads_.emplace_back(client_, "requests",
                      Command{"requests", server_.ip4(), echo_port(), "8", "10"}, 100ms);
  loads_.emplace_back(client_, "connections",
                      Command{"connections", echo.vip6, vip_port, "200", "4"}, 1s);
  loads_.emplace_back(client_, "bulk", Command{"bulk", server_.ip6(), echo_port(), "3"}, 5s);
  loads_.emplace_back(server_, "requests-back",
                      Command{"requests", client_.ip6(), echo_port(), "4", "7"}, 100ms);
}

void Soak::churn_once() {
  try {
    guest_comes_and_goes();
    sample();
    deny_comes_and_goes();
    sample();
  } catch (const std::exception& error) {
    wrong(error.what());
  }
}

// A pod of one life: it is called and calls, and every second one dies under an open connection.
void Soak::guest_comes_and_goes() {
  const int number = ++guests_;
  Pod& guest =
      mesh_.pod(fmt::format("guest-{}", number % kGuestNames), number % 2 == 0 ? "east" : "west")
          .serving_echo();
  mesh_.apply("pod-" + guest.name(), pod_yaml(guest));
  guest.node().enrol(guest);
  mesh_.wait_known();
  for (const auto& [from, to] : {std::pair{&client_, &guest}, std::pair{&guest, &server_}}) {
    const Outcome outcome =
        from->run({program("culvert-load"), "connections", to->ip4(), echo_port(), "20", "2"}, 40s);
    if (!outcome.ok()) {
      wrong(fmt::format("{} to {}: {}{}", from->name(), to->name(), outcome.out, outcome.err));
    }
    sample();
  }
  if (number % 4 < 2) {
    mesh_.remove(guest);
    return;
  }
  Process held =
      Process::start(client_.place(), {program("culvert-load"), "hold", guest.ip6(), echo_port()},
                     client_.log_path("held"));
  std::this_thread::sleep_for(300ms);
  mesh_.remove(guest);
  if (!held.wait(10s)) {
    wrong(fmt::format("a connection to {} hangs after the pod is gone", guest.name()));
  }
}

// The visitor is shut out and let in again; whoever else talks to the server notices nothing.
void Soak::deny_comes_and_goes() {
  ++denials_;
  const Command once = {
      program("culvert-load"), "connections", server_.ip4(), echo_port(), "3", "1"};
  Process held = Process::start(visitor_.place(),
                                {program("culvert-load"), "hold", server_.ip4(), echo_port()},
                                visitor_.log_path("held"));
  std::this_thread::sleep_for(300ms);
  mesh_.apply("deny", deny_yaml("deny-visitor", visitor_, server_));
  if (held.wait(5s) != 3) {
    wrong(fmt::format("denial {} did not cut the open connection", denials_));
  }
  if (visitor_.run(once, 70s).out.find("\"lost\": 3") == std::string::npos) {
    wrong(fmt::format("denial {} let a new connection through", denials_));
  }
  sample();
  mesh_.withdraw("deny");
  if (!eventually(5s, [&] { return visitor_.run(once, 70s).ok(); })) {
    wrong(fmt::format("the visitor is still shut out after denial {} was withdrawn", denials_));
  }
}

// Looks after the loads as well: it is called between any two steps.
void Soak::sample() {
  for (SteadyLoad& load : loads_) {
    if (const std::string lost = load.keep_going(); !lost.empty()) {
      wrong(lost);
    }
  }
  if (Clock::now() - sampled_ < kSampleEvery) {
    return;
  }
  sampled_ = Clock::now();
  for (Footprints& daemon : footprints_) {
    daemon.samples.push_back(footprint_of(daemon.pid));
    expect(daemon.samples.back().resident_kb > 0, "{} has died; its log:\n{}", daemon.name,
           Later{[this] { return mesh_.logs().substr(0, 4000); }});
  }
}

void Soak::wrong(std::string what) {
  fmt::print("  wrong after {} s: {}\n",
             std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - start_).count(), what);
  wrongs_.push_back(std::move(what));
}

void Soak::show_progress() {
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - start_);
  if (!terminal && guests_ % 10 != 0) {
    return;
  }
  std::string daemons;
  for (const Footprints& daemon : footprints_) {
    if (!daemon.samples.empty()) {
      daemons += fmt::format("  {} {} kB", daemon.name, daemon.samples.back().resident_kb);
    }
  }
  fmt::print("{}  {:4} s  {} pods came and went, {} denials, {} wrong{}{}", terminal ? "\r" : "",
             seconds.count(), guests_, denials_, wrongs_.size(), daemons, terminal ? "" : "\n");
  std::fflush(stdout);
}

// A connection that failed between two pods whose connections nobody cuts is a reset without cause.
void Soak::count_resets() {
  for (const Node& node : mesh_.nodes()) {
    std::ifstream log(node.paths().folder + "/ztunnel.log");
    std::string line;
    while (std::getline(log, line)) {
      if (line.find("src.addr=") == std::string::npos ||
          line.find(" error=") == std::string::npos) {
        continue;
      }
      if (steady_ips_.contains(ip_in(line, "src.addr=")) &&
          steady_ips_.contains(ip_in(line, "dst.addr="))) {
        wrong(fmt::format("a reset on {} that nobody caused: {}", node.name(), line));
      } else {
        ++explained_resets_;
      }
    }
  }
}

void Soak::count_renewals() {
  for (const Node& node : mesh_.nodes()) {
    for (const Pod* pod : {&client_, &server_}) {
      const int issued =
          count_lines(node.paths().folder + "/agent.log", "certificate issued", pod->identity());
      renewals_ += std::max(issued - 1, 0);
    }
  }
  // One for each of the two pods and minute, less the first one of each and a fifth for jitter.
  if (const auto least = static_cast<int>(2 * 0.8 * static_cast<double>(length_.count() - 1));
      renewals_ < least) {
    wrong(fmt::format("only {} certificates were renewed, and not {}", renewals_, least));
  }
}

void Soak::judge_footprints() {
  fmt::print("\n\n  {:<14} {:>12} {:>12} {:>8}   {:>7} {:>7}\n", "daemon", "RSS early kB",
             "RSS late kB", "change", "fds", "fds late");
  for (const Footprints& daemon : footprints_) {
    const Footprint early = daemon.median(kWarmUp, kWarmUp + 0.2);
    const Footprint late = daemon.median(0.8, 1.0);
    const double change =
        early.resident_kb == 0
            ? 1
            : static_cast<double>(late.resident_kb) / static_cast<double>(early.resident_kb) - 1;
    fmt::print("  {:<14} {:>12} {:>12} {:>+7.1f}%   {:>7} {:>7}\n", daemon.name, early.resident_kb,
               late.resident_kb, change * 100, early.descriptors, late.descriptors);
    if (change > kGrowthMax) {
      wrong(fmt::format("{} grew by {:.1f} % after its warm-up", daemon.name, change * 100));
    }
    if (late.descriptors > early.descriptors + kDescriptorsNoise +
                               std::lround(kGrowthMax * static_cast<double>(early.descriptors))) {
      wrong(fmt::format("{} had {} descriptors and has {}", daemon.name, early.descriptors,
                        late.descriptors));
    }
  }
}

bool Soak::report() {
  fmt::print("\n  {:<16} {:>6}  last run\n", "load", "runs");
  for (const SteadyLoad& load : loads_) {
    fmt::print("  {:<16} {:>6}  {}\n", load.name(), load.runs(), load.last());
  }
  fmt::print(
      "\n  {} pods came and went, {} denials came and went, {} certificates were renewed\n"
      "  {} connections failed for a cause that was ours\n",
      guests_, denials_, renewals_, explained_resets_);
  for (std::size_t i = 0; i < std::min(wrongs_.size(), kWrongsShown); ++i) {
    fmt::print("  WRONG: {}\n", wrongs_[i]);
  }
  fmt::print("{}\n", wrongs_.empty() ? "nothing was lost, and nothing grew"
                                     : fmt::format("the soak FAILED: {} wrong", wrongs_.size()));
  return wrongs_.empty();
}

}  // namespace culvert::lab
