// The folder of a node's CNI configuration: which file the runtimes take, our entry in it, and
// everything as it was before when we go.
// Source of truth: loadFromConfDir of containerd/go-cni, loadNetworks of cri-o/ocicni: the first
// file by name of *.conf, *.conflist and *.json; CRI-O passes over those that can't be read.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ztunnel/lib/base/result.h"

namespace culvert::cni {

// 2 MiB: containerd reads no longer one.
inline constexpr std::size_t kConfBytesMax = std::size_t{2} << 20;
// A single plugin's file that a list of ours stands for is kept under this end.
inline constexpr const char* kOriginalSuffix = ".before-culvert";

// State is what the folder should be brought to, and what keeps it from there.
struct State {
  std::string primary;                // the file that the runtimes take; empty: there is none
  bool in_place = false;              // our entry is in it
  std::vector<std::string> to_write;  // files that are not as they should be
  std::vector<std::string> problems;  // one sentence each, with its file
};

// look_at tells how far the folder is from having `entry` in its primary file and nowhere else.
State look_at(const std::string& folder, std::string_view entry);

// put_in brings the folder there: each file is replaced by a rename, with its mode and owner,
// unless somebody else changed it meanwhile. Gives what is then the case.
State put_in(const std::string& folder, std::string_view entry);

// take_out removes all that is ours: entries, lists that stand for single plugins, files aside. A
// folder that is absent is success. Fails with the first thing that could not be done.
Result<> take_out(const std::string& folder);

// keep_program copies the program `from` into `folder`, mode 0755, if there is none or another one.
// Gives whether it did.
Result<bool> keep_program(const std::string& from, const std::string& folder);

}  // namespace culvert::cni
