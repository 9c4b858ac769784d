// The TCP set of metrics as the data path counts it: every worker has cells of its own, written by
// that worker alone without a lock or an atomic read-modify-write; a scrape adds the workers up.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace culvert::obs {

enum class Reporter : std::uint8_t { source, destination };

enum class ResponseFlag : std::uint8_t {
  none,  // "-"
  deny,
  connect,
  tls_failure,
  h2_handshake_failure,
  network_policy,
  identity_error,
  cert_revoked,
};

std::string_view name(Reporter reporter);
std::string_view name(ResponseFlag flag);

// TcpPeerLabels is what the metrics say of one end. What is empty is shown as `unknown`.
struct TcpPeerLabels {
  std::string workload;
  std::string canonical_service;
  std::string canonical_revision;
  std::string workload_namespace;
  std::string principal;  // a SPIFFE URI
  std::string app;
  std::string version;
  std::string cluster;
  std::string region;
  std::string zone;

  bool operator==(const TcpPeerLabels&) const = default;
};

struct TcpLabels {
  Reporter reporter = Reporter::source;
  TcpPeerLabels source;
  TcpPeerLabels destination;
  std::string destination_service;  // hostname
  std::string destination_service_namespace;
  std::string destination_service_name;
  bool mutual_tls = false;  // connection_security_policy
  ResponseFlag response_flag = ResponseFlag::none;

  bool operator==(const TcpLabels&) const = default;
};

// in_order gives the labels with their names in the order of Istio's output.
std::vector<std::pair<std::string, std::string>> in_order(const TcpLabels& labels);

// TcpLabelsHash and TcpLabelsEqual look through the pointer: tables borrow the labels they hold.
struct TcpLabelsHash {
  std::size_t operator()(const TcpLabels* labels) const;
};
struct TcpLabelsEqual {
  bool operator()(const TcpLabels* a, const TcpLabels* b) const { return *a == *b; }
};

// WorkerCell is a number that one thread writes and any thread reads.
class WorkerCell {
 public:
  void add(std::uint64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void take(std::uint64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// TcpSeries is one worker's cells for one set of labels.
struct TcpSeries {
  TcpLabels labels;
  WorkerCell opened;
  WorkerCell closed;
  WorkerCell failed;
  WorkerCell received_bytes;  // client to server, whoever reports
  WorkerCell sent_bytes;      // server to client
};

// TcpMetrics belongs to one worker (Metrics::add_worker makes it) and is used on its thread; only
// `all_series` and `sockets_open` may be called from another.
class TcpMetrics {
 public:
  // series finds or makes the cells for `labels`; they live as long as the registry. Takes a lock
  // only when the labels are new to this worker.
  TcpSeries& series(const TcpLabels& labels);

  WorkerCell& sockets(Reporter reporter) { return sockets_[static_cast<std::size_t>(reporter)]; }
  std::uint64_t sockets_open(Reporter reporter) const {
    return sockets_[static_cast<std::size_t>(reporter)].value();
  }

  // all_series lists what there is; the worker waits for the list to be made, not for its reader.
  std::vector<const TcpSeries*> all_series() const;

 private:
  // The worker alone changes the table, under the lock; so it may read without, others may not.
  mutable std::mutex mutex_;
  std::unordered_map<const TcpLabels*, std::unique_ptr<TcpSeries>, TcpLabelsHash, TcpLabelsEqual>
      series_;
  WorkerCell sockets_[2];
};

// TcpConnection is the account of one connection for one reporter: opened when it is made, closed
// when it is destroyed, bytes as they pass. Its calls are a few instructions each. It must be used
// and destroyed on the thread of `metrics`, which must outlive it.
class TcpConnection {
 public:
  TcpConnection(TcpMetrics& metrics, const TcpLabels& labels);
  TcpConnection(TcpConnection&& other) noexcept
      : metrics_(std::exchange(other.metrics_, nullptr)), series_(other.series_) {}
  TcpConnection& operator=(TcpConnection&&) = delete;
  ~TcpConnection();

  void received(std::uint64_t bytes) { series_->received_bytes.add(bytes); }
  void sent(std::uint64_t bytes) { series_->sent_bytes.add(bytes); }
  // failed counts a failure under `flag`; the connection still has to be destroyed.
  void failed(ResponseFlag flag);

 private:
  TcpMetrics* metrics_;
  TcpSeries* series_;
};

// count_failure counts a connection that failed before it was opened; `labels.response_flag` says
// how.
void count_failure(TcpMetrics& metrics, const TcpLabels& labels);

}  // namespace culvert::obs
