// Context: what the fibers of one worker share. Everything is of the worker's loop and outlives
// them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ztunnel/lib/base/rng.h"
#include "ztunnel/lib/io/event.h"
#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/obs/log.h"
#include "ztunnel/proxy/mesh_view.h"
#include "ztunnel/proxy/network.h"
#include "ztunnel/proxy/tracker.h"

namespace culvert::proxy {

struct Context {
  io::Loop& loop;
  Network& network;
  MeshView& mesh;
  Tracker& tracker;
  Rng& rng;
  obs::RateLimitedLog& offences;  // of peers: one line per kind and interval
  bool draining = false;
  io::Event drain_began{};
};

// report_refused logs and counts a connection that was refused before it was opened.
void report_refused(Context& context, const Facts& facts, const Error& error);

}  // namespace culvert::proxy
