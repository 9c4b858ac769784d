// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "tests/sim/apps.h"
#include "tests/sim/cast.h"
#include "ztunnel/proxy/limits.h"

namespace culvert::sim {
namespace {

constexpr std::uint16_t kTunnelPort = 15008;

std::optional<std::string_view> field(std::string_view line, std::string_view key) {
  const auto place = line.find(key);
  if (place == std::string_view::npos) {
    return std::nullopt;
  }
  line.remove_prefix(place + key.size());
  return line.substr(0, line.find_first_of(" \n"));
}

}  // namespace

Stage::Stage(io::SimLoop& loop, std::uint64_t seed, bool shows_trace)
    : apps(loop, io::Scope::OnFailure::ignore),
      couriers(loop, io::Scope::OnFailure::ignore),
      loop_(loop),
      rng_(seed),
      seed_(seed),
      shows_trace_(shows_trace) {
  local_ = {.latency_min = {},
            .latency_max = std::chrono::microseconds(between(0, 2000)),
            .window_bytes = between(4, 64) * 1024,
            .parts_max = between(1, 2)};
  distant_ = {.latency_min = std::chrono::microseconds(between(0, 1000)),
              .latency_max = std::chrono::milliseconds(between(1, 50)),
              .window_bytes = between(16, 128) * 1024,
              .parts_max = between(1, 3)};
  for (std::size_t index = 0; index < kNodes; ++index) {
    nodes_[index] = std::make_unique<Node>(loop, *this, rng_.next());
    nodes_[index]->life.spawn(nodes_[index]->share.live());
  }
  for (std::size_t pod = 0; pod < kPods; ++pod) {
    put_record(pod);
    set_identity(pod, 0);
    put_pod(pod);
  }
  publish(0);
  publish(1);
}

Stage::~Stage() = default;

void Stage::trace(const std::string& line) {
  lines.push_back(fmt::format(
      "{:>10.3f} ms  {}",
      std::chrono::duration<double, std::milli>(loop_.now().time_since_epoch()).count(), line));
  if (shows_trace_) {
    std::puts(lines.back().c_str());
  }
}

void Stage::problem(const std::string& what) {
  problems.push_back(what);
  trace("PROBLEM: " + what);
  std::printf("sim: seed %llu: %s\n", static_cast<unsigned long long>(seed_), what.c_str());
  std::fflush(stdout);
}

void Stage::fatal(const std::string& what) {
  problem(what);
  std::_Exit(1);
}

// The access log's lines, as they are written; the time is the machine's and no part of the trace.
void Stage::hear(std::string_view log_line) {
  log_line.remove_prefix(std::min(log_line.find('\t') + 1, log_line.size()));
  while (log_line.ends_with('\n')) {
    log_line.remove_suffix(1);
  }
  trace("log: " + std::string(log_line));
  if (!log_line.contains("\taccess\t")) {
    if (log_line.contains("cancelled\"")) {
      problem("a peer is blamed for what we ended ourselves: " + std::string(log_line));
    }
    return;
  }
  const auto from = field(log_line, "src.addr=");
  const bool outbound = log_line.contains("direction=\"outbound\"");
  inbound_complete += !outbound && log_line.contains("connection complete") ? 1 : 0;
  for (Flow& each : flows) {
    const bool ours = outbound ? each.source < kPods : each.source == kOutsider;
    if (ours && from && *from == to_string(each.from)) {
      ++each.log_lines;
      each.log_line = log_line;
    }
  }
}

IpAddress Stage::address_of(std::size_t who) {
  return *IpAddress::parse(fmt::format("10.0.0.{}", who + 1));
}

std::optional<std::size_t> Stage::at(const IpAddress& address) {
  for (std::size_t who = 0; who < kCast; ++who) {
    if (address == address_of(who)) {
      return who;
    }
  }
  return std::nullopt;
}

std::array<std::unique_ptr<net::Stream>, 2> Stage::local_link() {
  return std::make_shared<Link>(couriers, rng_, local_)->ends();
}

void Stage::push(std::size_t pod, proxy::Role role, proxy::Accepted accepted) {
  Queue& queue = queues_[{pod, role}];
  queue.waiting.push_back(std::move(accepted));
  queue.arrived.notify_one();
}

std::unique_ptr<net::Stream> Stage::connect(Flow& flow) {
  const bool plain = flow.source == kOutsider;
  const std::size_t listener = plain ? flow.destination : flow.source;
  if (!pod_present[listener]) {
    return nullptr;
  }
  flow.from = {address_of(flow.source), next_port_++};
  flow.to = {address_of(flow.destination), 8080};
  auto ends = local_link();
  push(listener, plain ? proxy::Role::inbound : proxy::Role::outbound,
       {std::move(ends[1]), flow.from, flow.to});
  return std::move(ends[0]);
}

Flow* Stage::flow(std::uint64_t number) {
  return number < flows.size() ? &flows[number] : nullptr;
}

io::Task<proxy::Accepted> Stage::accept(proxy::PodPtr pod, proxy::Role role) {
  std::size_t who = 0;
  while (uid_of(who) != pod->uid) {
    ++who;
  }
  Queue& queue = queues_[{who, role}];
  co_await loop_.yield();
  while (queue.waiting.empty()) {
    co_await queue.arrived.wait();
  }
  auto accepted = std::move(queue.waiting.front());
  queue.waiting.pop_front();
  co_return accepted;
}

io::Task<std::unique_ptr<net::Stream>> Stage::dial(proxy::PodPtr, SocketAddress to,
                                                   IpAddress source) {
  co_await loop_.sleep(std::chrono::microseconds(between(1, 20'000)));
  const auto who = at(to.ip);
  const auto caller = at(source);
  if (chance(refuse_percent)) {
    disturb({}, {}, caller, who);
    if (chance(50)) {
      co_await loop_.sleep(proxy::kConnectTimeout);
      disturb(proxy::kConnectTimeout, {}, caller, who);
      co_return fail(Errc::timed_out, "nobody answered at " + to_string(to));
    }
    co_return fail(Errc::unavailable, "connection refused by " + to_string(to));
  }
  if (!who || !caller || (*who < kPods && !pod_present[*who])) {
    co_return fail(Errc::unavailable, "nobody is at " + to_string(to));
  }
  const auto link = std::make_shared<Link>(couriers, rng_, distant_);
  auto ends = link->ends();
  const SocketAddress from{source, next_port_++};
  if (*who == kOutsideServer) {
    apps.spawn(run_server(*this, *caller, *who, std::move(ends[1])));
  } else if (to.port == kTunnelPort) {
    tunnels.push_back({link, *caller, *who, {}});
    push(*who, proxy::Role::hbone, {std::move(ends[1]), from, to});
  } else {
    push(*who, proxy::Role::inbound, {std::move(ends[1]), from, to});
  }
  co_return std::move(ends[0]);
}

io::Task<std::unique_ptr<net::Stream>> Stage::deliver(proxy::PodPtr, SocketAddress to,
                                                      IpAddress client) {
  const auto who = at(to.ip);
  const auto caller = at(client);
  CULVERT_ASSERT(who && caller);
  if (denied(*caller, *who)) {
    problem(
        fmt::format("a connection of {} to {} is delivered though the policy in force there "
                    "denies it",
                    *caller, *who));
  }
  co_await loop_.sleep(
      std::chrono::microseconds(between(1, chance(slow_percent) ? 500'000 : 2'000)));
  if (chance(refuse_percent)) {
    disturb({}, {}, caller, who);
    co_return fail(Errc::unavailable, "connection refused by " + to_string(to));
  }
  ++deliveries;
  const auto link = std::make_shared<Link>(couriers, rng_, local_);
  link->watch_first(
      [this, source = *caller, destination = *who] { check_policy(source, destination); });
  auto ends = link->ends();
  apps.spawn(run_server(*this, *caller, *who, std::move(ends[1])));
  co_return std::move(ends[0]);
}

void Stage::publish(std::size_t index) {
  Node& of = node(index);
  std::map<std::size_t, io::TimePoint> now_denied;
  for (const std::size_t source : denied_) {
    const auto known = of.denied.find(source);
    now_denied[source] = known != of.denied.end() ? known->second : loop_.now();
  }
  of.denied = std::move(now_denied);
  of.share.set_snapshot(store_.snapshot());
}

void Stage::deny(std::size_t source) {
  const auto policy = deny_of(source, denies_by_address || source == kOutsider);
  const auto name = deny_name(source);
  const std::array<policy::ResourceBytes, 1> added = {
      policy::ResourceBytes{name, as_bytes(policy)}};
  CULVERT_ASSERT(store_.apply_authorizations(added, {}).empty());
  denied_.insert(source);
}

void Stage::allow(std::size_t source) {
  const std::array<std::string, 1> removed = {deny_name(source)};
  CULVERT_ASSERT(store_.apply_authorizations({}, removed).empty());
  denied_.erase(source);
}

void Stage::put_record(std::size_t pod) {
  const auto record = record_of(pod);
  const auto name = record_name(pod);
  const std::array<policy::ResourceBytes, 1> added = {
      policy::ResourceBytes{name, as_bytes(record)}};
  CULVERT_ASSERT(store_.apply_addresses(added, {}).empty());
}

void Stage::remove_record(std::size_t pod) {
  const std::array<std::string, 1> removed = {record_name(pod)};
  CULVERT_ASSERT(store_.apply_addresses({}, removed).empty());
}

void Stage::put_pod(std::size_t pod) {
  node(node_of(pod)).share.put_pod(make_pod(pod));
  pod_present[pod] = !node(node_of(pod)).draining;
}

void Stage::remove_pod(std::size_t pod) {
  pod_present[pod] = false;
  node(node_of(pod)).share.remove_pod(uid_of(pod));
  reset_queued(pod);
}

void Stage::reset_queued(std::size_t pod) {
  for (const auto role : {proxy::Role::outbound, proxy::Role::inbound, proxy::Role::hbone}) {
    for (auto& waiting : queues_[{pod, role}].waiting) {
      waiting.stream->reset();
    }
    queues_[{pod, role}].waiting.clear();
  }
}

void Stage::set_identity(std::size_t pod, std::optional<std::size_t> which) {
  node(node_of(pod))
      .share.set_identity(spiffe_of(pod), which ? certificate_of(pod, *which) : nullptr);
}

bool Stage::denied(std::size_t source, std::size_t destination) const {
  if (destination >= kPods) {
    return false;
  }
  const auto& denials = nodes_[node_of(destination)]->denied;
  return denials.contains(source);
}

// Is what the proxy writes to an application now what the policy has denied? In the moment of the
// change itself, what was ready before it may still pass.
void Stage::check_policy(std::size_t source, std::size_t destination) {
  if (denied(source, destination) && loop_.now() > node(node_of(destination)).denied.at(source)) {
    problem(fmt::format("bytes of {} reach {} though the policy in force there denies them", source,
                        destination));
  }
}

void Stage::disturb(io::Duration before, io::Duration after, std::optional<std::size_t> source,
                    std::optional<std::size_t> destination) {
  disturbances_.push_back({loop_.now() - before, loop_.now() + after, source, destination});
}

bool Stage::disturbed(const Flow& flow) const {
  return std::ranges::any_of(disturbances_, [&flow](const Disturbance& each) {
    return each.from <= flow.done_at && each.to >= flow.began &&
           (!each.source || *each.source == flow.source) &&
           (!each.destination || *each.destination == flow.destination);
  });
}

}  // namespace culvert::sim
