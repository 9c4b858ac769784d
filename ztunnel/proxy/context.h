// Context: what the fibers of one worker share. Everything is of the worker's loop and outlives
// them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ztunnel/lib/base/rng.h"
#include "ztunnel/lib/http/h2_connection.h"
#include "ztunnel/lib/io/event.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/proxy/mesh_view.h"
#include "ztunnel/proxy/network.h"
#include "ztunnel/proxy/offences.h"
#include "ztunnel/proxy/tracker.h"

namespace culvert::proxy {

struct Context {
  io::Loop& loop;
  Network& network;
  MeshView& mesh;
  Tracker& tracker;
  Rng& rng;
  Offences& offences;
  http::H2Options inbound_http{};  // of the tunnels that end here
  bool draining = false;
  io::Event drain_began{};
};

// report_refused logs and counts a connection that was refused before it was opened: a line of its
// own in the access log, or, where the peer offended, one per kind and interval.
void report_refused(Context& context, const Facts& facts, const Error& error);

}  // namespace culvert::proxy
