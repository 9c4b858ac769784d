// Stage: a small mesh in virtual time: two nodes with the real proxy on each, four pods, a network
// that is drawn from the seed, and applications. Everything that happens is on it; invariants.h
// says what must be true of it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/flow.h"
#include "tests/sim/link.h"
#include "ztunnel/lib/io/sim_loop.h"
#include "ztunnel/lib/obs/metrics.h"
#include "ztunnel/lib/policy/store.h"
#include "ztunnel/proxy/share.h"

namespace culvert::sim {

// The cast: pods 0 and 1 are on the node 0, 2 and 3 on the node 1. An outsider calls in plain text,
// and an outside server is called past the mesh.
constexpr std::size_t kPods = 4;
constexpr std::size_t kOutsider = 4;
constexpr std::size_t kOutsideServer = 5;
constexpr std::size_t kCast = 6;
constexpr std::size_t kNodes = 2;
constexpr std::size_t node_of(std::size_t pod) {
  return pod / 2;
}

// A span of time in which connections of `source` to `destination` may fail for a reason that the
// mesh can't help. Any, where there is none.
struct Disturbance {
  io::TimePoint from;
  io::TimePoint to;
  std::optional<std::size_t> source;
  std::optional<std::size_t> destination;
};

struct Tunnel {
  std::shared_ptr<Link> link;
  std::size_t source;
  std::size_t destination;
  std::optional<io::TimePoint> stalled;
};

class Stage final : public proxy::Network {
 public:
  Stage(io::SimLoop& loop, std::uint64_t seed, bool shows_trace);
  ~Stage() override;

  io::SimLoop& loop() { return loop_; }
  Rng& rng() { return rng_; }
  // between draws a number of both ends.
  std::uint64_t between(std::uint64_t least, std::uint64_t most) {
    return least + rng_.below(most - least + 1);
  }
  bool chance(std::uint64_t percent) { return rng_.below(100) < percent; }

  void trace(const std::string& line);
  void problem(const std::string& what);
  // fatal is a problem after which the world can't be taken down: it ends the process.
  [[noreturn]] void fatal(const std::string& what);
  void hear(std::string_view log_line);

  // connect makes the connection of `flow` and gives the client's end; null where its pod is gone.
  std::unique_ptr<net::Stream> connect(Flow& flow);
  Flow* flow(std::uint64_t number);

  // What may happen to the mesh.
  void publish(std::size_t node);
  void deny(std::size_t source);
  void allow(std::size_t source);
  void put_record(std::size_t pod);
  void remove_record(std::size_t pod);
  void put_pod(std::size_t pod);
  void remove_pod(std::size_t pod);
  void set_identity(std::size_t pod, std::optional<std::size_t> which);
  bool denied(std::size_t source, std::size_t destination) const;
  void disturb(io::Duration before, io::Duration after, std::optional<std::size_t> source = {},
               std::optional<std::size_t> destination = {});
  bool disturbed(const Flow& flow) const;
  // reset_queued answers what waits at the listeners of pods that nobody serves any more.
  void reset_queued(std::size_t pod);

  // The Network of both nodes.
  io::Task<proxy::Accepted> accept(proxy::PodPtr pod, proxy::Role role) override;
  io::Task<std::unique_ptr<net::Stream>> dial(proxy::PodPtr pod, SocketAddress to,
                                              IpAddress source) override;
  io::Task<std::unique_ptr<net::Stream>> deliver(proxy::PodPtr pod, SocketAddress to,
                                                 IpAddress client) override;

  static IpAddress address_of(std::size_t who);
  static std::optional<std::size_t> at(const IpAddress& address);

  struct Node {
    Node(io::SimLoop& loop, proxy::Network& network, std::uint64_t seed)
        : share(loop, network, metrics, seed), life(loop) {}
    obs::Metrics metrics{"sim", "0"};
    proxy::Share share;
    io::Scope life;
    // Sources that the policy in force here denies, and since when.
    std::map<std::size_t, io::TimePoint> denied;
    bool draining = false;
  };
  Node& node(std::size_t index) { return *nodes_[index]; }

  std::deque<Flow> flows;
  std::vector<Tunnel> tunnels;
  std::vector<std::string> problems;
  std::vector<std::string> lines;  // the trace
  std::array<bool, kPods> pod_present{};
  std::uint64_t slow_percent = 0;    // of applications that take long to accept
  std::uint64_t refuse_percent = 0;  // of connects that find nobody
  bool denies_by_address = false;    // and not by principal, which plain text does not have
  std::uint64_t deliveries = 0;
  std::uint64_t inbound_complete = 0;  // lines of the access log
  bool quiet_inbound = true;           // nothing happened that could cancel an inbound connection
  io::Scope apps;
  io::Scope couriers;

 private:
  struct Queue {
    std::deque<proxy::Accepted> waiting;
    io::Event arrived;
  };
  std::array<std::unique_ptr<net::Stream>, 2> local_link();
  void check_policy(std::size_t source, std::size_t destination);
  void push(std::size_t pod, proxy::Role role, proxy::Accepted accepted);

  io::SimLoop& loop_;
  Rng rng_;
  std::uint64_t seed_;
  bool shows_trace_;
  Weather local_;
  Weather distant_;
  policy::Store store_;
  std::set<std::size_t> denied_;
  std::vector<Disturbance> disturbances_;
  std::map<std::pair<std::size_t, proxy::Role>, Queue> queues_;
  std::uint16_t next_port_ = 40'000;
  std::array<std::unique_ptr<Node>, kNodes> nodes_;
};

}  // namespace culvert::sim
