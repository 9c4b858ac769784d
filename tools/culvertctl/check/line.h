// What `culvertctl check` found: one line for each thing that was looked at.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace culvert::ctl {

// A warning is something to know of; only what failed keeps the mesh from doing its work. What
// could not be looked at, because something that failed stands before it, is skipped.
enum class LineState : std::uint8_t { good, warning, failed, skipped };

struct Line {
  std::string_view group;  // such as "kernel"
  std::string_view name;   // such as "pods are captured"
  LineState state = LineState::good;
  std::string reason;     // what is the case
  std::string next_step;  // what to do; empty if nothing is
};
using Lines = std::vector<Line>;

std::string render(const Lines& lines, bool colour);
std::string to_json(const Lines& lines);
bool has_failed(const Lines& lines);

}  // namespace culvert::ctl
