// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/proxy/tracker.h"

namespace culvert::proxy {

Tracker::~Tracker() {
  CULVERT_ASSERT(connections_.empty());
}

void Tracker::recheck(const policy::Snapshot& snapshot) {
  for (Connection* connection : connections_) {
    const Facts& facts = connection->facts();
    if (facts.direction != obs::Direction::inbound) {
      continue;
    }
    const auto verdict = verdict_on(facts, snapshot);
    if (!verdict.allow) {
      connection->end(
          Error{.code = Errc::denied,
                .context = "connection closed due to policy change: " + verdict.reason});
    }
  }
}

void Tracker::look_after() {
  for (Connection* connection : connections_) {
    connection->flush();
    connection->look_for_end();
  }
}

std::vector<LiveConnection> Tracker::connections() const {
  std::vector<LiveConnection> result;
  result.reserve(connections_.size());
  for (const Connection* connection : connections_) {
    const Facts& facts = connection->facts();
    result.push_back({.pod_uid = facts.pod->uid,
                      .direction = facts.direction,
                      .src = facts.downstream,
                      .original_dst = facts.original,
                      .actual_dst = facts.actual,
                      .hbone = facts.hbone.has_value()});
  }
  return result;
}

}  // namespace culvert::proxy
