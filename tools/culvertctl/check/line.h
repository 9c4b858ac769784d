// What `culvertctl check` found: one line for each thing that was looked at.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/culvertctl/fields.h"

namespace culvert::ctl {

// A warning is something to know of; only what failed keeps the mesh from doing its work. What
// could not be looked at, because something that failed stands before it, is skipped.
enum class LineState : std::uint8_t { good, warning, failed, skipped };

struct Line {
  std::string group;  // such as "kernel"
  std::string name;   // such as "pods are captured"
  LineState state = LineState::good;
  std::string reason;     // what is the case
  std::string next_step;  // what to do; empty if nothing is
  std::string node = {};  // empty: of the cluster, or of the one node that was looked at
};
using Lines = std::vector<Line>;

// Verdict is what is said of a line before its group and name are put to it.
struct Verdict {
  LineState state = LineState::good;
  std::string reason;
  std::string next_step = {};
};
Verdict good(std::string reason);
Verdict warning(std::string reason, std::string next_step);
Verdict failed(std::string reason, std::string next_step);
Verdict skipped(std::string reason);
Line line(std::string_view group, std::string_view name, Verdict verdict);

std::string render(const Lines& lines, bool colour);
std::string to_json(const Lines& lines);
// lines_in reads what to_json wrote on `node`; none where it is something else.
Lines lines_in(const Json& root, const std::string& node);
bool has_failed(const Lines& lines);

}  // namespace culvert::ctl
