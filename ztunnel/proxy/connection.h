// Connection: the facts of one carried connection, its account in the metrics, its lines in the
// access log, and its place in the tracker while it lives.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <optional>
#include <string>

#include "ztunnel/lib/base/address.h"
#include "ztunnel/lib/base/identity.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/net/copy.h"
#include "ztunnel/lib/obs/access_log.h"
#include "ztunnel/lib/obs/metrics.h"
#include "ztunnel/lib/policy/authorize.h"
#include "ztunnel/proxy/pod.h"

namespace culvert::proxy {

class Tracker;

// What is known of a connection. `downstream` is who connected, `original` what it asked for,
// `actual` where the bytes go.
struct Facts {
  obs::Direction direction = obs::Direction::outbound;
  PodPtr pod;
  SocketAddress downstream;
  SocketAddress original;
  SocketAddress actual;
  std::optional<SocketAddress> hbone;  // the CONNECT's target, where the connection is in a tunnel
  policy::WorkloadPtr source;          // null: unknown to the mesh
  policy::WorkloadPtr destination;
  policy::ServicePtr service;
  std::optional<SpiffeId> source_identity;       // proved by mutual TLS
  std::optional<SpiffeId> destination_identity;  // proved by mutual TLS, or our own
};

// Connection is on its worker's tracker from construction to destruction, and is opened and closed
// in metrics and log by the same. `carry` may run once.
class Connection {
 public:
  Connection(Tracker& tracker, Facts facts);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // carry copies bytes between the two until both directions have ended. Fails as net::copy_both
  // does, or with what end() was given meanwhile. `downstream` is who connected.
  io::Task<> carry(net::Stream& downstream, net::Stream& upstream);

  // end makes carry() fail with `why`, and both sides see a reset.
  void end(Error why);

  // failed notes the error that the log and the metrics will show.
  void failed(const Error& error);

  const Facts& facts() const { return facts_; }

 private:
  friend class Tracker;
  void flush();
  void look_for_end();

  // Carried is what carry() works on, while it does.
  struct Carried {
    net::Stream& downstream;
    net::Stream& upstream;
    io::Scope& scope;
  };

  Tracker& tracker_;
  Facts facts_;
  io::TimePoint since_;
  obs::TcpConnection account_;
  net::CopyCounters bytes_;
  std::uint64_t flushed_received_ = 0;
  std::uint64_t flushed_sent_ = 0;
  std::string error_;
  std::optional<Error> end_reason_;
  std::optional<Carried> carried_;
  std::optional<io::TimePoint> broken_since_;
  std::list<Connection*>::iterator place_;
};

// verdict_on asks the policy of `snapshot` about an inbound connection, once its destination is
// known: at admission and again with each change. The destination's record is looked up anew, so a
// policy that has just been attached counts too (istio's ztunnel keeps the old one).
policy::Verdict verdict_on(const Facts& facts, const policy::Snapshot& snapshot);

// labels_of are the metric labels of `facts`.
obs::TcpLabels labels_of(const Facts& facts, obs::ResponseFlag flag = obs::ResponseFlag::none);

// log_entry_of is the access log entry of `facts`, without counts.
obs::AccessLogEntry log_entry_of(const Facts& facts);

}  // namespace culvert::proxy
