// The text of a node's CNI configuration with culvert-cni in it, and without: pure. Every byte of
// others stays as it is, so that taking our entry out gives the file that was there before.
// Source of truth: libcni/conf.go of containernetworking/cni; CNI specification 1.1.0 §1.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ztunnel/lib/base/result.h"

namespace culvert::cni {

// The name of the program, which is the type of our entry.
inline constexpr const char* kPluginType = "culvert-cni";

enum class ConfKind : std::uint8_t { list, single };

// kind_of tells what a file holds: a list of plugins, or one plugin (the older form), which a
// runtime reads as a list of one. Fails with `config` and what is wrong with it: no JSON, nested
// too deep, no name, no plugin, a version that culvert-cni does not speak.
Result<ConfKind> kind_of(std::string_view text);

// entry_of makes our entry's text, one line, from what culvert-cni needs to know.
struct EntryOptions {
  std::string run_dir;
  std::string state_dir;
  std::vector<std::string> exempt_namespaces = {"culvert-system"};
  std::string log_file;  // empty: no log
};
std::string entry_of(const EntryOptions& options);

// with_entry gives the list with `entry` behind its plugins; one of ours that is there already is
// brought up to date where it stands. The same text comes back if nothing is to change. Fails with
// `config` if `list` is none, or is written in a way that can't be edited (its keys escaped).
Result<std::string> with_entry(std::string_view list, std::string_view entry);

// without_entry takes every entry of ours out of a list; the same text comes back if there is none.
Result<std::string> without_entry(std::string_view list);

// wrapped makes a list of a single plugin and `entry`. The plugin's own text is in it unchanged.
Result<std::string> wrapped(std::string_view single, std::string_view entry);

}  // namespace culvert::cni
