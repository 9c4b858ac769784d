// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/invariants.h"

#include <fmt/format.h>

namespace culvert::sim {
namespace {

void check_end(Stage& stage, const Flow& flow, std::size_t reader) {
  const Side& own = flow.sides[reader];
  const Side& other = flow.sides[1 - reader];
  const char* who = reader == kClient ? "client" : "server";
  if (!own.present) {
    return;
  }
  if (!own.done) {
    stage.problem(fmt::format("flow {}: the {} never learned that it is over", flow.number, who));
  }
  if (own.seen_end != End::fin) {
    return;
  }
  if (other.sent_end != End::fin) {
    stage.problem(fmt::format("flow {}: the {} saw FIN, but the other end sent {}", flow.number,
                              who, name(other.sent_end)));
  } else if (own.received != other.plan.bytes) {
    stage.problem(fmt::format("flow {}: the {} saw FIN after {} of {} bytes", flow.number, who,
                              own.received, other.plan.bytes));
  }
}

// A flow that no application reset and nothing disturbed must have been carried as a whole.
void check_whole(Stage& stage, const Flow& flow) {
  const bool reset_by_plan =
      flow.sides[kClient].plan.end == End::rst || flow.sides[kServer].plan.end == End::rst;
  if (!reset_by_plan && !flow.whole() && !stage.disturbed(flow)) {
    stage.problem(
        fmt::format("flow {}: failed though nothing disturbed it: {}", flow.number, flow.log_line));
  }
}

// An end that neither side's plan has caused must have been told to both, with a cause.
void check_log(Stage& stage, const Flow& flow) {
  const bool disturbed = stage.disturbed(flow);
  if (flow.log_lines > 1) {
    stage.problem(
        fmt::format("flow {}: is in the access log {} times", flow.number, flow.log_lines));
  }
  // A connection that is cancelled before it was opened is no line; that takes a disturbance, or a
  // client that was gone before the proxy had reached anybody, and then a drain.
  const bool gone_early = flow.sides[kClient].sent_end == End::rst && !flow.sides[kServer].present;
  if (flow.log_lines == 0 && !disturbed && !gone_early) {
    stage.problem(fmt::format("flow {}: is not in the access log", flow.number));
  }
  if (flow.log_lines != 1) {
    return;
  }
  const bool has_cause = flow.log_line.contains(" error=\"");
  if (flow.whole() && flow.log_line.contains("connection complete") && !disturbed) {
    const auto counts = fmt::format("bytes_sent={} bytes_recv={} ", flow.sides[kServer].sent,
                                    flow.sides[kClient].sent + kNameBytes);
    if (has_cause || !flow.log_line.contains(counts)) {
      stage.problem(fmt::format("flow {}: was carried as a whole ({}), but the access log says: {}",
                                flow.number, counts, flow.log_line));
    }
  }
  const bool cut = flow.sides[kClient].seen_end == End::rst;
  if (cut && !has_cause) {
    stage.problem(fmt::format("flow {}: was reset, and the access log gives no cause: {}",
                              flow.number, flow.log_line));
  }
}

}  // namespace

void check_flows(Stage& stage) {
  for (const Flow& flow : stage.flows) {
    if (!flow.sides[kClient].present) {
      continue;
    }
    check_end(stage, flow, kClient);
    check_end(stage, flow, kServer);
    check_whole(stage, flow);
    check_log(stage, flow);
  }
  if (stage.inbound_complete > stage.deliveries) {
    stage.problem(fmt::format("{} connections were delivered, but the access log has {}",
                              stage.deliveries, stage.inbound_complete));
  }
  if (stage.quiet_inbound && stage.inbound_complete < stage.deliveries) {
    stage.problem(fmt::format("{} connections were delivered, the access log has only {}",
                              stage.deliveries, stage.inbound_complete));
  }
}

}  // namespace culvert::sim
