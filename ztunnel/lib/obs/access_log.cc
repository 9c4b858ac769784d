// Access log lines under the field names and in the order of ztunnel's proxy/metrics.rs.
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/obs/access_log.h"

#include <string_view>
#include <vector>

#include "ztunnel/lib/obs/log.h"

namespace culvert::obs {
namespace {

constexpr std::string_view kScope = "access";
constexpr std::size_t kFieldsMax = 20;  // 12 of the two ends, hbone_addr, service, 5 of the whole

class Fields {
 public:
  Fields() { fields_.reserve(kFieldsMax); }
  void text(std::string_view key, const std::string& value) {
    if (!value.empty()) {
      fields_.emplace_back(key, value);
    }
  }
  void address(std::string_view key, const std::optional<SocketAddress>& value) {
    if (value) {
      fields_.emplace_back(key, *value);
    }
  }
  template <class T>
  void always(std::string_view key, const T& value) {
    fields_.emplace_back(key, value);
  }
  std::span<const Field> all() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

std::string_view name(Direction direction) {
  return direction == Direction::inbound ? "inbound" : "outbound";
}

Fields ends_of(const AccessLogEntry& entry) {
  Fields fields;
  fields.address("src.addr", entry.src.addr);
  fields.text("src.workload", entry.src.workload);
  fields.text("src.namespace", entry.src.ns);
  fields.text("src.identity", entry.src.identity);
  fields.text("src.cluster", entry.src.cluster);
  fields.address("dst.addr", entry.dst.addr);
  fields.address("dst.hbone_addr", entry.hbone_addr);
  fields.text("dst.service", entry.service);
  fields.text("dst.workload", entry.dst.workload);
  fields.text("dst.namespace", entry.dst.ns);
  fields.text("dst.identity", entry.dst.identity);
  fields.text("dst.cluster", entry.dst.cluster);
  fields.always("direction", name(entry.direction));
  return fields;
}

}  // namespace

void log_connection_opened(const AccessLogEntry& entry) {
  if (enabled(Level::debug, kScope)) {
    log(Level::debug, kScope, "connection opened", ends_of(entry).all());
  }
}

void log_connection_complete(const AccessLogEntry& entry) {
  const Level level = entry.error.empty() ? Level::info : Level::error;
  if (!enabled(level, kScope)) {
    return;
  }
  Fields fields = ends_of(entry);
  fields.always("bytes_sent", entry.bytes_sent);
  fields.always("bytes_recv", entry.bytes_recv);
  fields.always("duration", entry.duration);
  fields.text("error", entry.error);
  log(level, kScope, "connection complete", fields.all());
}

void log_connection_failed(const AccessLogEntry& entry) {
  Fields fields;
  fields.address("src.addr", entry.src.addr);
  fields.address("dst.addr", entry.dst.addr);
  fields.always("direction", name(entry.direction));
  fields.text("error", entry.error);
  log(Level::warn, kScope, "connection failed", fields.all());
}

}  // namespace culvert::obs
