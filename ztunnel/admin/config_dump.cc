// config_dump: the mesh, certificates and connections as JSON, with exactly the keys that istioctl
// and Istio's users know (wire facts §6.2). Empty values are left out, as ztunnel does.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <nlohmann/json.hpp>

#include "ztunnel/admin/mesh_json.h"
#include "ztunnel/admin/views.h"
#include "ztunnel/lib/base/base64.h"
#include "ztunnel/lib/base/rfc3339.h"

namespace culvert::admin {
namespace {

using Json = nlohmann::ordered_json;

Json certificate_items(const std::vector<CertificateItem>& items) {
  Json all = Json::array();
  for (const CertificateItem& item : items) {
    all.push_back({{"pem", to_base64(as_bytes(item.pem))},
                   {"serialNumber", item.serial_number},
                   {"validFrom", to_rfc3339(item.valid_from)},
                   {"expirationTime", to_rfc3339(item.expiration_time)}});
  }
  return all;
}

Json certificates(std::vector<CertificateView> views) {
  std::ranges::sort(views, {}, &CertificateView::identity);
  Json all = Json::array();
  for (const CertificateView& view : views) {
    all.push_back({{"identity", view.identity},
                   {"state", view.state},
                   {"certChain", certificate_items(view.cert_chain)},
                   {"rootCerts", certificate_items(view.root_certs)}});
  }
  return all;
}

Json connections(const std::vector<ConnectionView>& views) {
  Json all = Json::array();
  for (const ConnectionView& view : views) {
    all.push_back({{"src", to_string(view.src)},
                   {"originalDst", to_string(view.original_dst)},
                   {"actualDst", to_string(view.actual_dst)},
                   {"protocol", view.protocol == ConnectionProtocol::hbone ? "HBONE" : "TCP"}});
  }
  return all;
}

Json workload_state(std::vector<PodView> pods) {
  std::ranges::sort(pods, {}, &PodView::uid);
  Json all = Json::object();
  for (const PodView& pod : pods) {
    Json& out = all[pod.uid];
    out["state"] = pod.state == PodState::up ? "Up" : "Pending";
    out["info"] = {
        {"name", pod.name}, {"namespace", pod.ns}, {"serviceAccount", pod.service_account}};
    out["connections"] = {{"inbound", connections(pod.inbound)},
                          {"outbound", connections(pod.outbound)}};
  }
  return all;
}

}  // namespace

std::string to_json(const ConfigDump& dump) {
  const policy::Snapshot empty;
  const policy::Snapshot& mesh = dump.mesh == nullptr ? empty : *dump.mesh;
  Json out;
  out["workloads"] = workloads_json(mesh);
  out["services"] = services_json(mesh);
  out["policies"] = policies_json(mesh);
  out["stagedServices"] = Json::object();
  out["staticConfig"] = nullptr;  // Culvert has no static configuration
  out["version"] = {{"version", dump.version}};
  Json& config = out["config"] = Json::object();
  for (const auto& [name, value] : dump.config) {
    config[name] = value;
  }
  out["certificates"] = certificates(dump.certificates);
  out["workloadState"] = workload_state(dump.pods);
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string to_json(const Status& status) {
  Json out = {{"version", status.version},
              {"node", status.node},
              {"ioBackend", status.io_backend},
              {"workers", status.workers},
              {"uptimeSeconds", status.uptime.count()},
              {"xds", status.xds},
              {"ca", status.ca},
              {"zds", status.zds},
              {"ready", status.pending.empty()},
              {"pending", status.pending},
              {"draining", status.draining},
              {"pods", status.pods},
              {"connections", status.connections},
              {"logLinesDropped", status.log_lines_dropped}};
  if (!status.io_reason.empty()) {
    out["ioReason"] = status.io_reason;
  }
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace culvert::admin
