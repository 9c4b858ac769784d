// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/proxy/connection.h"

#include <fmt/format.h>

#include "ztunnel/lib/io/scope.h"
#include "ztunnel/proxy/limits.h"
#include "ztunnel/proxy/outcome.h"
#include "ztunnel/proxy/tracker.h"

namespace culvert::proxy {
namespace {

obs::TcpPeerLabels peer_labels(const policy::WorkloadPtr& workload,
                               const std::optional<SpiffeId>& identity) {
  obs::TcpPeerLabels labels;
  if (workload != nullptr) {
    labels.workload = workload->workload_name;
    labels.canonical_service = workload->canonical_name;
    labels.canonical_revision = workload->canonical_revision;
    labels.workload_namespace = workload->ns;
    labels.app = workload->canonical_name;
    labels.version = workload->canonical_revision;
    labels.cluster = workload->cluster_id;
    labels.region = workload->locality.region;
    labels.zone = workload->locality.zone;
  } else if (identity) {
    labels.workload_namespace = identity->ns;
  }
  if (identity) {
    labels.principal = to_string(*identity);
  }
  return labels;
}

obs::AccessLogPeer log_peer(const SocketAddress& address, const policy::WorkloadPtr& workload,
                            const std::optional<SpiffeId>& identity) {
  obs::AccessLogPeer peer;
  peer.addr = address;
  if (workload != nullptr) {
    peer.workload = workload->name;
    peer.ns = workload->ns;
    peer.cluster = workload->cluster_id;
  } else if (identity) {
    peer.ns = identity->ns;
  }
  if (identity) {
    peer.identity = to_string(*identity);
  }
  return peer;
}

io::Task<> copy_into(io::Loop& loop, net::Stream& downstream, net::Stream& upstream,
                     net::CopyCounters& bytes, std::optional<Result<>>& result) {
  result.emplace(co_await as_result(net::copy_both(loop, downstream, upstream, bytes)));
}

}  // namespace

policy::Verdict verdict_on(const Facts& facts, const policy::Snapshot& snapshot) {
  const auto own = snapshot.workload(facts.destination->uid);
  return policy::authorize(
      snapshot, own != nullptr ? *own : *facts.destination,
      {.peer = facts.source_identity, .source = facts.downstream.ip, .destination = facts.actual});
}

obs::TcpLabels labels_of(const Facts& facts, obs::ResponseFlag flag) {
  obs::TcpLabels labels;
  labels.reporter = facts.direction == obs::Direction::outbound ? obs::Reporter::source
                                                                : obs::Reporter::destination;
  labels.source = peer_labels(facts.source, facts.source_identity);
  labels.destination = peer_labels(facts.destination, facts.destination_identity);
  if (facts.service != nullptr) {
    labels.destination_service = facts.service->hostname;
    labels.destination_service_namespace = facts.service->ns;
    labels.destination_service_name = facts.service->name;
  }
  labels.mutual_tls = facts.source_identity && facts.destination_identity;
  labels.response_flag = flag;
  return labels;
}

obs::AccessLogEntry log_entry_of(const Facts& facts) {
  obs::AccessLogEntry entry;
  entry.direction = facts.direction;
  entry.src = log_peer(facts.downstream, facts.source, facts.source_identity);
  entry.dst = log_peer(facts.actual, facts.destination, facts.destination_identity);
  entry.hbone_addr = facts.hbone;
  if (facts.service != nullptr) {
    entry.service = facts.service->hostname;
  }
  return entry;
}

Connection::Connection(Tracker& tracker, Facts facts)
    : tracker_(tracker),
      facts_(std::move(facts)),
      since_(tracker.loop().now()),
      account_(tracker.metrics(), labels_of(facts_)) {
  tracker_.connections_.push_front(this);
  place_ = tracker_.connections_.begin();
  obs::log_connection_opened(log_entry_of(facts_));
}

Connection::~Connection() {
  tracker_.connections_.erase(place_);
  flush();
  auto entry = log_entry_of(facts_);
  entry.bytes_recv = flushed_received_;
  entry.bytes_sent = flushed_sent_;
  entry.duration =
      std::chrono::duration_cast<std::chrono::milliseconds>(tracker_.loop().now() - since_);
  entry.error = error_;
  obs::log_connection_complete(entry);
}

io::Task<> Connection::carry(net::Stream& downstream, net::Stream& upstream) {
  // A scope of its own, so that end() can stop this connection and nothing else.
  std::optional<Result<>> result;
  io::Scope scope(tracker_.loop());
  scope.spawn(copy_into(tracker_.loop(), downstream, upstream, bytes_, result));
  carried_.emplace(downstream, upstream, scope);
  if (end_reason_) {
    scope.cancel();
  }
  auto joined = co_await as_result(scope.join());
  carried_.reset();
  if (end_reason_) {
    downstream.reset();
    upstream.reset();
    co_await fail(*end_reason_);
  }
  co_await std::move(joined);
  co_await std::move(*result);
}

void Connection::end(Error why) {
  if (!end_reason_) {
    end_reason_ = std::move(why);
    if (carried_) {
      carried_->scope.cancel();
    }
  }
}

// Ends a connection of which one side is gone while the other takes nothing and says nothing: no
// read or write would ever notice.
void Connection::look_for_end() {
  if (!carried_) {
    return;
  }
  const bool no_downstream = !bytes_.a_is_read && carried_->downstream.broken();
  const bool no_upstream = !bytes_.b_is_read && carried_->upstream.broken();
  if (!no_downstream && !no_upstream) {
    return;
  }
  const io::TimePoint now = tracker_.loop().now();
  broken_since_ = broken_since_.value_or(now);
  if (now - *broken_since_ >= kBrokenSideLinger) {
    end(Error{.code = Errc::closed,
              .side = no_downstream ? Side::downstream : Side::upstream,
              .context = fmt::format("the connection was reset, and {} had not taken all of it",
                                     no_downstream ? "upstream" : "downstream")});
  }
}

void Connection::failed(const Error& error) {
  error_ = to_string(error);
  account_.failed(outcome_of(error).flag);
}

void Connection::flush() {
  const std::uint64_t received = bytes_.a_to_b_bytes.load(std::memory_order_relaxed);
  const std::uint64_t sent = bytes_.b_to_a_bytes.load(std::memory_order_relaxed);
  account_.received(received - flushed_received_);
  account_.sent(sent - flushed_sent_);
  flushed_received_ = received;
  flushed_sent_ = sent;
}

}  // namespace culvert::proxy
