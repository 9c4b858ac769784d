// Metrics: the registry of one process, passed to whoever counts, and its exposition to Prometheus.
// Names and labels are Istio's (ztunnel proxy/metrics.rs); series are never removed.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ztunnel/lib/obs/tcp_metrics.h"

namespace culvert::obs {

// Counter only grows; Gauge goes both ways. Any thread, lock-free.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(std::int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

using Labels = std::vector<std::pair<std::string, std::string>>;  // in the order of the output

struct Exposition {
  std::string content_type;
  std::string body;
};

class Metrics {
 public:
  // `component` and `tag` become the labels of `istio_build`.
  Metrics(std::string component, std::string tag);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // counter and gauge find or make a series. It lives as long as the registry: look it up once and
  // keep the reference. A counter's name ends in `_total`. Thread-safe, takes a lock. A name is
  // always a counter or always a gauge (asserted).
  Counter& counter(std::string_view name, std::string_view help, Labels labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, Labels labels = {});

  // add_worker makes one worker's share of the TCP set; it lives as long as the registry.
  // Thread-safe.
  TcpMetrics& add_worker();

  // expose writes everything, as OpenMetrics when an entry of the request's `accept` header names
  // it, else in Prometheus' text format 0.0.4. Any thread; workers go on counting meanwhile.
  Exposition expose(std::string_view accept) const;

 private:
  template <class Cell>
  struct Series {
    Labels labels;
    Cell cell;
  };
  template <class Cell>
  struct Family {
    std::string help;
    std::deque<Series<Cell>> series;  // a deque: references stay valid
  };
  template <class Cell>
  static Cell& find_or_make(std::map<std::string, Family<Cell>, std::less<>>& families,
                            std::string_view name, std::string_view help, Labels labels);

  mutable std::mutex mutex_;  // guards the lists, never taken to count
  std::map<std::string, Family<Counter>, std::less<>> counters_;
  std::map<std::string, Family<Gauge>, std::less<>> gauges_;
  std::vector<std::unique_ptr<TcpMetrics>> workers_;
};

// The xDS client's series. `reason` is ConnectionError, Error, Reconnect or Complete.
Counter& xds_terminations(Metrics& metrics, std::string_view reason);
Counter& xds_messages(Metrics& metrics, std::string_view type_url);
Counter& xds_message_bytes(Metrics& metrics, std::string_view type_url);
// Ours, not Istio's: what was NACKed, in whole or in part.
Counter& xds_refusals(Metrics& metrics, std::string_view type_url);
// Ours: requests to the CA that brought no certificate.
Counter& certificate_failures(Metrics& metrics);
// Ours: sessions with the agent that ended, whoever's fault it was.
Counter& zds_sessions_lost(Metrics& metrics);

// The series of what Istio calls the workload manager: the pods that this daemon serves.
struct PodMetrics {
  Gauge& active;
  Gauge& pending;
  Counter& started;
  Counter& stopped;
};
PodMetrics pod_metrics(Metrics& metrics);

}  // namespace culvert::obs
