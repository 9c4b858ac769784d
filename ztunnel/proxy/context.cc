// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/proxy/context.h"

#include "ztunnel/proxy/outcome.h"

namespace culvert::proxy {

void report_refused(Context& context, const Facts& facts, const Error& error) {
  if (error.code == Errc::cancelled) {
    return;  // the pod or the process is going; nobody was refused
  }
  if (const auto offence = offence_of(TunnelPhase::connect, error)) {
    context.offences.report(
        context.loop.now(), *offence, "connect refused",
        {{"src.addr", facts.downstream}, {"dst.addr", facts.original}, {"error", error}});
  } else {
    auto entry = log_entry_of(facts);
    entry.error = to_string(error);
    obs::log_connection_failed(entry);
  }
  obs::count_failure(context.tracker.metrics(), labels_of(facts, outcome_of(error).flag));
}

}  // namespace culvert::proxy
