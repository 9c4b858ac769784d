// OpenMetrics 1.0 text, which prometheus-cpp does not write; counters and gauges are all we have.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <prometheus/metric_family.h>

#include <string>
#include <string_view>
#include <vector>

namespace culvert::obs {

// accepts_open_metrics tells whether an entry of an Accept header names the OpenMetrics type.
// Weights are not looked at: Prometheus lists it only when it prefers it (as ztunnel does).
bool accepts_open_metrics(std::string_view accept);

// to_open_metrics writes `families` with the closing `# EOF`. A counter's name ends in `_total`.
std::string to_open_metrics(const std::vector<prometheus::MetricFamily>& families);

}  // namespace culvert::obs
