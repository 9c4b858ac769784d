// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/live_views.h"

#include <future>
#include <memory>

#include "ztunnel/lib/obs/log.h"

namespace culvert::ztunnel {
namespace {

// Asks the thread of `loop` and waits. The promise is shared: an answer that comes too late finds
// it.
template <class T>
T ask(io::Loop& loop, std::function<T()> question) {
  auto promise = std::make_shared<std::promise<T>>();
  auto future = promise->get_future();
  loop.post([promise, question = std::move(question)] { promise->set_value(question()); });
  return future.wait_for(kViewTimeout) == std::future_status::ready ? future.get() : T{};
}

std::vector<proxy::LiveConnection> ask_connections(proxy::Worker& worker) {
  using Connections = std::vector<proxy::LiveConnection>;
  auto promise = std::make_shared<std::promise<Connections>>();
  auto future = promise->get_future();
  worker.connections([promise](Connections all) { promise->set_value(std::move(all)); });
  return future.wait_for(kViewTimeout) == std::future_status::ready ? future.get() : Connections{};
}

std::vector<admin::CertificateItem> items(const std::vector<tls::CertificateFacts>& facts) {
  std::vector<admin::CertificateItem> result;
  for (const auto& fact : facts) {
    result.push_back({fact.pem, fact.serial_number, fact.not_before, fact.not_after});
  }
  return result;
}

std::vector<admin::CertificateView> certificate_views(const control::CertificateStore& store) {
  std::vector<admin::CertificateView> views;
  for (const auto& state : store.states()) {
    admin::CertificateView view;
    view.identity = to_string(state.id);
    view.state = state.valid             ? "Available"
                 : state.failure.empty() ? "Initializing"
                                         : "Unavailable: " + state.failure;
    if (state.current != nullptr) {
      view.cert_chain = items(state.current->chain());
      view.root_certs = items(state.current->roots());
    }
    views.push_back(std::move(view));
  }
  return views;
}

// Everything but the connections, which the workers own. On the control thread.
admin::ConfigDump control_dump(const Live& live) {
  admin::ConfigDump dump;
  dump.mesh = live.feed.mesh();
  dump.certificates = certificate_views(live.certificates);
  for (const auto& [uid, pod] : live.feed.pods()) {
    dump.pods.push_back({.uid = uid,
                         .state = admin::PodState::up,
                         .name = pod->name,
                         .ns = pod->ns,
                         .service_account = pod->service_account,
                         .inbound = {},
                         .outbound = {}});
  }
  dump.version = CULVERT_VERSION;
  dump.config = {{"node", live.config.node},
                 {"runDir", live.config.run_dir},
                 {"zdsSocket", live.config.zds_socket},
                 {"xdsAddress", live.config.xds_address},
                 {"caAddress", live.config.ca_address},
                 {"trustDomain", live.config.trust_domain},
                 {"workers", std::to_string(live.config.workers)},
                 {"drainTime", std::to_string(live.config.drain_time.count()) + "ms"}};
  return dump;
}

admin::ConfigDump full_dump(Live& live) {
  auto dump = ask<admin::ConfigDump>(live.loop, [&live] { return control_dump(live); });
  std::map<std::string, admin::PodView*> by_uid;
  for (auto& pod : dump.pods) {
    by_uid[pod.uid] = &pod;
  }
  for (const auto& worker : live.workers) {
    for (const auto& connection : ask_connections(*worker)) {
      const auto pod = by_uid.find(connection.pod_uid);
      if (pod == by_uid.end()) {
        continue;  // removed between the two questions
      }
      auto& list = connection.direction == obs::Direction::inbound ? pod->second->inbound
                                                                   : pod->second->outbound;
      list.push_back({.src = connection.src,
                      .original_dst = connection.original_dst,
                      .actual_dst = connection.actual_dst,
                      .protocol = connection.hbone ? admin::ConnectionProtocol::hbone
                                                   : admin::ConnectionProtocol::tcp});
    }
  }
  return dump;
}

std::string_view name(proxy::ZdsClient::State state) {
  switch (state) {
    case proxy::ZdsClient::State::disconnected: return "connecting";
    case proxy::ZdsClient::State::connected: return "connected, waiting for the snapshot";
    case proxy::ZdsClient::State::synced: return "connected";
  }
  return "";
}

admin::Status control_status(const Live& live, std::chrono::steady_clock::time_point started) {
  return {.version = CULVERT_VERSION,
          .node = live.config.node,
          .io_backend = std::string(live.loop.backend()),
          .io_reason = live.io_fallback,
          .workers = live.config.workers,
          .uptime = std::chrono::duration_cast<std::chrono::seconds>(
              std::chrono::steady_clock::now() - started),
          .xds = live.xds.connected() ? "connected" : "connecting",
          .ca = live.ca.connected() ? "connected" : "connecting",
          .zds = std::string(name(live.zds.state())),
          .pending = live.feed.pending(),
          .draining = live.draining,
          .pods = live.feed.pods().size(),
          .connections = 0,
          .log_lines_dropped = obs::dropped_lines()};
}

}  // namespace

admin::Views make_views(Live& live) {
  const auto started = std::chrono::steady_clock::now();
  admin::Views views;
  views.pending = [&live] {
    return ask<std::vector<std::string>>(live.loop, [&live] {
      auto pending = live.feed.pending();
      if (live.draining) {
        pending.emplace_back("drain");
      }
      return pending;
    });
  };
  views.metrics = [&live](std::string_view accept) { return live.metrics.expose(accept); };
  views.config_dump = [&live] { return full_dump(live); };
  views.status = [&live, started] {
    auto status =
        ask<admin::Status>(live.loop, [&live, started] { return control_status(live, started); });
    for (const auto& worker : live.workers) {
      status.connections += ask_connections(*worker).size();
    }
    return status;
  };
  views.quit = [&live] { live.loop.post([&live] { live.quit(); }); };
  return views;
}

}  // namespace culvert::ztunnel
