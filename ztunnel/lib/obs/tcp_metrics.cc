// The TCP set's labels and its per-worker table.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/obs/tcp_metrics.h"

#include <array>
#include <functional>

namespace culvert::obs {
namespace {

constexpr std::array<std::string_view, 8> kFlagNames = {"-",
                                                        "DENY",
                                                        "CONNECT",
                                                        "TLS_FAILURE",
                                                        "H2_HANDSHAKE_FAILURE",
                                                        "NETWORK_POLICY",
                                                        "IDENTITY_ERROR",
                                                        "CERT_REVOKED"};

// Calls `visit` with each text of `peer`.
template <class Visit>
void for_each_text(const TcpPeerLabels& peer, Visit visit) {
  for (const std::string* text :
       {&peer.workload, &peer.canonical_service, &peer.canonical_revision, &peer.workload_namespace,
        &peer.principal, &peer.app, &peer.version, &peer.cluster, &peer.region, &peer.zone}) {
    visit(*text);
  }
}

}  // namespace

std::string_view name(Reporter reporter) {
  return reporter == Reporter::source ? "source" : "destination";
}

std::string_view name(ResponseFlag flag) {
  return kFlagNames[static_cast<std::size_t>(flag)];
}

std::vector<std::pair<std::string, std::string>> in_order(const TcpLabels& labels) {
  const TcpPeerLabels& from = labels.source;
  const TcpPeerLabels& to = labels.destination;
  std::vector<std::pair<std::string, std::string>> all = {
      {"reporter", std::string(name(labels.reporter))},
      {"source_workload", from.workload},
      {"source_canonical_service", from.canonical_service},
      {"source_canonical_revision", from.canonical_revision},
      {"source_workload_namespace", from.workload_namespace},
      {"source_principal", from.principal},
      {"source_app", from.app},
      {"source_version", from.version},
      {"source_cluster", from.cluster},
      {"destination_service", labels.destination_service},
      {"destination_service_namespace", labels.destination_service_namespace},
      {"destination_service_name", labels.destination_service_name},
      {"destination_workload", to.workload},
      {"destination_canonical_service", to.canonical_service},
      {"destination_canonical_revision", to.canonical_revision},
      {"destination_workload_namespace", to.workload_namespace},
      {"destination_principal", to.principal},
      {"destination_app", to.app},
      {"destination_version", to.version},
      {"destination_cluster", to.cluster},
      {"request_protocol", "tcp"},
      {"response_flags", std::string(name(labels.response_flag))},
      {"connection_security_policy", labels.mutual_tls ? "mutual_tls" : ""},
      {"source_region", from.region},
      {"source_zone", from.zone},
      {"destination_region", to.region},
      {"destination_zone", to.zone},
  };
  for (auto& [label, value] : all) {
    if (value.empty()) {
      value = "unknown";
    }
  }
  return all;
}

std::size_t TcpLabelsHash::operator()(const TcpLabels* labels) const {
  std::size_t hash = static_cast<std::size_t>(labels->reporter) * 16 +
                     static_cast<std::size_t>(labels->response_flag) * 2 +
                     (labels->mutual_tls ? 1 : 0);
  const auto mix = [&hash](const std::string& text) {
    hash = hash * 31 + std::hash<std::string>{}(text);
  };
  for_each_text(labels->source, mix);
  for_each_text(labels->destination, mix);
  mix(labels->destination_service);
  return hash;  // namespace and name follow from the hostname: equality looks at them anyway
}

TcpSeries& TcpMetrics::series(const TcpLabels& labels) {
  if (const auto found = series_.find(&labels); found != series_.end()) {
    return *found->second;
  }
  auto made = std::make_unique<TcpSeries>();
  made->labels = labels;
  TcpSeries& series = *made;
  const std::lock_guard lock(mutex_);
  series_.emplace(&series.labels, std::move(made));
  return series;
}

std::vector<const TcpSeries*> TcpMetrics::all_series() const {
  const std::lock_guard lock(mutex_);
  std::vector<const TcpSeries*> all;
  all.reserve(series_.size());
  for (const auto& [labels, series] : series_) {
    all.push_back(series.get());
  }
  return all;
}

TcpConnection::TcpConnection(TcpMetrics& metrics, const TcpLabels& labels)
    : metrics_(&metrics), series_(&metrics.series(labels)) {
  series_->opened.add(1);
  metrics_->sockets(labels.reporter).add(1);
}

TcpConnection::~TcpConnection() {
  if (metrics_ != nullptr) {
    series_->closed.add(1);
    metrics_->sockets(series_->labels.reporter).take(1);
  }
}

void TcpConnection::failed(ResponseFlag flag) {
  TcpLabels labels = series_->labels;
  labels.response_flag = flag;
  count_failure(*metrics_, labels);
}

void count_failure(TcpMetrics& metrics, const TcpLabels& labels) {
  metrics.series(labels).failed.add(1);
}

}  // namespace culvert::obs
