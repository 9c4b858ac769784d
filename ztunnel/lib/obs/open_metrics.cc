// OpenMetrics 1.0 text exposition (the specification's "Text format" section).
// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/lib/obs/open_metrics.h"

#include <fmt/format.h>

#include <iterator>

#include "ztunnel/lib/base/assert.h"

namespace culvert::obs {
namespace {

constexpr std::string_view kType = "application/openmetrics-text";
constexpr std::string_view kTotal = "_total";

void append_escaped_label(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += c;
  }
}

void append_sample(std::string& out, std::string_view name, const prometheus::ClientMetric& metric,
                   double value) {
  out += name;
  char separator = '{';
  for (const auto& label : metric.label) {
    out += separator;
    out += label.name;
    out += "=\"";
    append_escaped_label(out, label.value);
    out += '"';
    separator = ',';
  }
  out += separator == ',' ? "}" : "";
  fmt::format_to(std::back_inserter(out), " {:.17g}\n", value);
}

}  // namespace

bool accepts_open_metrics(std::string_view accept) {
  while (!accept.empty()) {
    const std::string_view entry = accept.substr(0, accept.find(','));
    accept.remove_prefix(entry.size() == accept.size() ? entry.size() : entry.size() + 1);
    const std::size_t start = entry.find_first_not_of(" \t");
    if (start == std::string_view::npos) {
      continue;
    }
    const std::string_view type = entry.substr(start, entry.find_first_of("; \t", start) - start);
    if (type == kType) {
      return true;
    }
  }
  return false;
}

std::string to_open_metrics(const std::vector<prometheus::MetricFamily>& families) {
  std::string out;
  for (const auto& family : families) {
    const bool is_counter = family.type == prometheus::MetricType::Counter;
    std::string_view base = family.name;
    if (is_counter) {
      CULVERT_ASSERT(base.ends_with(kTotal));
      base.remove_suffix(kTotal.size());
    }
    fmt::format_to(std::back_inserter(out), "# HELP {} {}\n# TYPE {} {}\n", base, family.help, base,
                   is_counter ? "counter" : "gauge");
    for (const auto& metric : family.metric) {
      append_sample(out, family.name, metric,
                    is_counter ? metric.counter.value : metric.gauge.value);
    }
  }
  out += "# EOF\n";
  return out;
}

}  // namespace culvert::obs
