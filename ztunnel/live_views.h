// LiveViews: what the admin endpoints show, fetched from the threads that own it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "ztunnel/admin/admin.h"
#include "ztunnel/config.h"
#include "ztunnel/lib/control/ca_client.h"
#include "ztunnel/lib/control/xds_client.h"
#include "ztunnel/proxy/mesh_feed.h"

namespace culvert::ztunnel {

// An owner that does not answer within this time is busy or gone; the view is then empty rather
// than late.
inline constexpr std::chrono::seconds kViewTimeout{2};

// What the views read. Everything but the loop's post() is touched on the control thread alone.
struct Live {
  const Config& config;
  io::Loop& loop;  // the control thread's
  std::string io_fallback;
  proxy::MeshFeed::Workers& workers;
  proxy::MeshFeed& feed;
  control::XdsClient& xds;
  control::CaClient& ca;
  control::CertificateStore& certificates;
  proxy::ZdsClient& zds;
  obs::Metrics& metrics;
  bool draining = false;
  std::function<void()> quit;  // called on the control thread
};

// make_views gives views for the admin thread. `live` must outlive the server that uses them.
admin::Views make_views(Live& live);

}  // namespace culvert::ztunnel
