// The endpoints of ztunnel, put together.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/admin/admin.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ztunnel/lib/obs/log.h"

namespace culvert::admin {
namespace {

HttpResponse levels_response() {
  return text_response(200, fmt::format("current log level is {}\n", obs::current_levels()));
}

// Istio's forms: no query shows; `?level=info,scope=debug`; `?reset`, with or without a level.
HttpResponse answer_logging(const HttpRequest& request) {
  for (const auto& [key, value] : request.query) {
    if (key != "level" && key != "reset") {
      return text_response(400, fmt::format("\"{}\" is no option: write ?level=info, "
                                            "?level=scope=debug or ?reset\n",
                                            key));
    }
  }
  const auto level = request.query.find("level");
  if (level != request.query.end() && level->second.empty()) {
    return text_response(400, "level is empty: write ?level=info or ?level=scope=debug\n");
  }
  if (request.query.contains("reset")) {
    obs::reset_levels();
  }
  if (level != request.query.end()) {
    if (const auto set = obs::set_levels(level->second); !set) {
      return text_response(400, to_string(set.error()) + "\n");
    }
  }
  return levels_response();
}

}  // namespace

Routes readiness_routes(const Views& views) {
  Routes routes;
  routes.get("/healthz/ready", [pending = views.pending](const HttpRequest&) {
    const std::vector<std::string> names = pending();
    if (names.empty()) {
      return text_response(200, "ready\n");
    }
    return text_response(500, fmt::format("not ready, pending: {}\n", fmt::join(names, ", ")));
  });
  return routes;
}

Routes metrics_routes(const Views& views) {
  Routes routes;
  for (const char* path : {"/metrics", "/stats/prometheus"}) {
    routes.get(path, [metrics = views.metrics](const HttpRequest& request) {
      obs::Exposition exposition = metrics(request.accept);
      return HttpResponse{200, std::move(exposition.content_type), std::move(exposition.body)};
    });
  }
  return routes;
}

void add_logging(Routes& routes) {
  routes.post("/logging", &answer_logging);
}

Routes admin_routes(const Views& views) {
  Routes routes;
  routes.get("/config_dump", [dump = views.config_dump](const HttpRequest&) {
    return json_response(to_json(dump()));
  });
  routes.get("/status", [status = views.status](const HttpRequest&) {
    return json_response(to_json(status()));
  });
  routes.post("/quitquitquit", [quit = views.quit](const HttpRequest&) {
    quit();
    return text_response(200, "shutting down\n");
  });
  add_logging(routes);
  routes.get("/", [paths = routes.paths()](const HttpRequest&) {
    return text_response(200, fmt::format("culvert-ztunnel\n\n{}\n", fmt::join(paths, "\n")));
  });
  return routes;
}

Result<std::unique_ptr<HttpServer>> serve(const Endpoints& endpoints, const Views& views) {
  auto server = std::make_unique<HttpServer>();
  const Routes admin = admin_routes(views);
  TRY_VOID(server->listen_any(endpoints.readiness_port, readiness_routes(views)));
  TRY_VOID(server->listen_any(endpoints.metrics_port, metrics_routes(views)));
  TRY_VOID(server->listen_loopback(endpoints.admin_port, admin));
  // In an upgrade the old process drains beside the new one; the new one answers from now on.
  TRY_VOID(server->listen_unix(endpoints.socket_path, admin, LiveSocket::take_over));
  server->start();
  return server;
}

}  // namespace culvert::admin
