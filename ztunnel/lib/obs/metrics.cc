// The registry and its exposition; prometheus-cpp core gives the model and the text format.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/obs/metrics.h"

#include <dirent.h>
#include <prometheus/text_serializer.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <functional>
#include <unordered_map>

#include "ztunnel/lib/base/assert.h"
#include "ztunnel/lib/obs/open_metrics.h"

namespace culvert::obs {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

struct TcpSum {
  std::array<std::uint64_t, 5> values{};  // in the order of kTcpFamilies
};
struct TcpFamily {
  const char* name;
  const char* help;
};
constexpr std::array<TcpFamily, 5> kTcpFamilies = {{
    {"istio_tcp_connections_opened_total", "Connections opened"},
    {"istio_tcp_connections_closed_total", "Connections closed"},
    {"istio_tcp_connections_failed_total", "Connections that failed, by response_flags"},
    {"istio_tcp_received_bytes_total", "Bytes from client to server, whoever reports"},
    {"istio_tcp_sent_bytes_total", "Bytes from server to client, whoever reports"},
}};

ClientMetric labelled(const Labels& labels) {
  ClientMetric metric;
  metric.label.reserve(labels.size());
  for (const auto& [name, value] : labels) {
    metric.label.push_back({name, value});
  }
  return metric;
}

ClientMetric gauge_of(const Labels& labels, double value) {
  ClientMetric metric = labelled(labels);
  metric.gauge.value = value;
  return metric;
}

// Adds the workers up and appends the five families; series that never counted are left out.
void append_tcp(std::vector<MetricFamily>& families,
                const std::vector<std::unique_ptr<TcpMetrics>>& workers) {
  std::unordered_map<const TcpLabels*, TcpSum, TcpLabelsHash, TcpLabelsEqual> sums;
  for (const auto& worker : workers) {
    for (const TcpSeries* series : worker->all_series()) {
      std::array<std::uint64_t, 5>& values = sums[&series->labels].values;
      const std::array<const WorkerCell*, 5> cells = {&series->opened, &series->closed,
                                                      &series->failed, &series->received_bytes,
                                                      &series->sent_bytes};
      for (std::size_t i = 0; i < cells.size(); ++i) {
        values[i] += cells[i]->value();
      }
    }
  }
  std::array<MetricFamily, kTcpFamilies.size()> tcp;
  for (const auto& [labels, sum] : sums) {
    ClientMetric metric = labelled(in_order(*labels));
    for (std::size_t i = 0; i < tcp.size(); ++i) {
      if (sum.values[i] > 0) {
        metric.counter.value = static_cast<double>(sum.values[i]);
        tcp[i].metric.push_back(metric);
      }
    }
  }
  for (std::size_t i = 0; i < tcp.size(); ++i) {
    tcp[i].name = kTcpFamilies[i].name;
    tcp[i].help = kTcpFamilies[i].help;
    tcp[i].type = MetricType::Counter;
    families.push_back(std::move(tcp[i]));
  }
}

void append_sockets(std::vector<MetricFamily>& families,
                    const std::vector<std::unique_ptr<TcpMetrics>>& workers) {
  MetricFamily family{"istio_tcp_sockets_open", "Connections open now", MetricType::Gauge, {}};
  for (const Reporter reporter : {Reporter::source, Reporter::destination}) {
    std::uint64_t open = 0;
    for (const auto& worker : workers) {
      open += worker->sockets_open(reporter);
    }
    family.metric.push_back(
        gauge_of({{"reporter", std::string(name(reporter))}}, static_cast<double>(open)));
  }
  families.push_back(std::move(family));
}

// Counts this process's descriptors; the directory's own one is not counted.
double open_descriptors() {
  int count = -1;
  if (DIR* dir = ::opendir("/proc/self/fd")) {
    while (const dirent* entry = ::readdir(dir)) {
      count += entry->d_name[0] == '.' ? 0 : 1;
    }
    ::closedir(dir);
  }
  return std::max(count, 0);
}

void append_process(std::vector<MetricFamily>& families) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  families.push_back({"process_max_fds",
                      "Descriptors that this process may open",
                      MetricType::Gauge,
                      {gauge_of({}, static_cast<double>(limit.rlim_cur))}});
  families.push_back({"process_open_fds",
                      "Descriptors that this process has open",
                      MetricType::Gauge,
                      {gauge_of({}, open_descriptors())}});
}

}  // namespace

Metrics::Metrics(std::string component, std::string tag) {
  gauge("istio_build", "The version of this program",
        {{"component", std::move(component)}, {"tag", std::move(tag)}})
      .set(1);
}

Metrics::~Metrics() = default;

template <class Cell>
Cell& Metrics::find_or_make(std::map<std::string, Family<Cell>, std::less<>>& families,
                            std::string_view name, std::string_view help, Labels labels) {
  Family<Cell>& family = families[std::string(name)];
  family.help = help;
  for (auto& series : family.series) {
    if (series.labels == labels) {
      return series.cell;
    }
  }
  auto& made = family.series.emplace_back();
  made.labels = std::move(labels);
  return made.cell;
}

Counter& Metrics::counter(std::string_view name, std::string_view help, Labels labels) {
  const std::lock_guard lock(mutex_);
  CULVERT_ASSERT(name.ends_with("_total") && !gauges_.contains(name));
  return find_or_make(counters_, name, help, std::move(labels));
}

Gauge& Metrics::gauge(std::string_view name, std::string_view help, Labels labels) {
  const std::lock_guard lock(mutex_);
  CULVERT_ASSERT(!counters_.contains(name));
  return find_or_make(gauges_, name, help, std::move(labels));
}

TcpMetrics& Metrics::add_worker() {
  const std::lock_guard lock(mutex_);
  return *workers_.emplace_back(std::make_unique<TcpMetrics>());
}

Exposition Metrics::expose(std::string_view accept) const {
  std::vector<MetricFamily> families;
  {
    const std::lock_guard lock(mutex_);
    append_tcp(families, workers_);
    append_sockets(families, workers_);
    for (const auto& [name, family] : counters_) {
      MetricFamily& out = families.emplace_back(name, family.help, MetricType::Counter);
      for (const auto& series : family.series) {
        out.metric.push_back(labelled(series.labels));
        out.metric.back().counter.value = static_cast<double>(series.cell.value());
      }
    }
    for (const auto& [name, family] : gauges_) {
      MetricFamily& out = families.emplace_back(name, family.help, MetricType::Gauge);
      for (const auto& series : family.series) {
        out.metric.push_back(gauge_of(series.labels, static_cast<double>(series.cell.value())));
      }
    }
  }
  append_process(families);
  if (accepts_open_metrics(accept)) {
    return {"application/openmetrics-text; version=1.0.0; charset=utf-8",
            to_open_metrics(families)};
  }
  return {"text/plain; version=0.0.4; charset=utf-8",
          prometheus::TextSerializer().Serialize(families)};
}

Counter& xds_terminations(Metrics& metrics, std::string_view reason) {
  return metrics.counter("istio_xds_connection_terminations_total",
                         "Connections to the control plane that ended, by reason",
                         {{"reason", std::string(reason)}});
}

Counter& xds_messages(Metrics& metrics, std::string_view type_url) {
  return metrics.counter("istio_xds_message_total", "Messages from the control plane, by type",
                         {{"url", std::string(type_url)}});
}

Counter& xds_message_bytes(Metrics& metrics, std::string_view type_url) {
  return metrics.counter("istio_xds_message_bytes_total",
                         "Bytes of messages from the control plane, by type",
                         {{"url", std::string(type_url)}});
}

Counter& xds_refusals(Metrics& metrics, std::string_view type_url) {
  return metrics.counter("culvert_xds_refused_total",
                         "Problems with resources of the control plane that were refused, by type",
                         {{"url", std::string(type_url)}});
}

Counter& certificate_failures(Metrics& metrics) {
  return metrics.counter("culvert_certificate_failures_total",
                         "Requests to the CA that brought no certificate");
}

Counter& zds_sessions_lost(Metrics& metrics) {
  return metrics.counter("culvert_zds_sessions_lost_total",
                         "Sessions with the node's agent that ended");
}

PodMetrics pod_metrics(Metrics& metrics) {
  return {metrics.gauge("workload_manager_active_proxy_count", "Pods served now"),
          metrics.gauge("workload_manager_pending_proxy_count", "Pods not served yet"),
          metrics.counter("workload_manager_proxies_started_total", "Pods whose service began"),
          metrics.counter("workload_manager_proxies_stopped_total", "Pods whose service ended")};
}

}  // namespace culvert::obs
