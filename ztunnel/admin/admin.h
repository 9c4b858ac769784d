// The endpoints of ztunnel: readiness, metrics and the admin interface, as Istio's ztunnel has them
// (wire facts §6.1), each fed by functions that the caller gives.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ztunnel/admin/http_server.h"
#include "ztunnel/admin/views.h"
#include "ztunnel/lib/obs/metrics.h"

namespace culvert::admin {

// Views are called on the admin thread.
struct Views {
  std::function<std::vector<std::string>()> pending;  // names of what is not ready yet
  std::function<obs::Exposition(std::string_view accept)> metrics;
  std::function<ConfigDump()> config_dump;
  std::function<Status()> status;
  std::function<void()> quit;  // begin the drain and return
};

struct Endpoints {
  std::uint16_t readiness_port = 15021;  // all addresses
  std::uint16_t metrics_port = 15020;    // all addresses
  std::uint16_t admin_port = 15000;      // loopback only
  std::string socket_path;               // e.g. /run/culvert/ztunnel-admin.sock
};

// serve starts all four endpoints on one thread. Fails with the first that can't listen.
Result<std::unique_ptr<HttpServer>> serve(const Endpoints& endpoints, const Views& views);

// The sets of routes, each on its own for tests and for other programs.
Routes readiness_routes(const Views& views);
Routes metrics_routes(const Views& views);
Routes admin_routes(const Views& views);
// add_logging adds POST /logging, which shows and changes the log levels.
void add_logging(Routes& routes);

}  // namespace culvert::admin
