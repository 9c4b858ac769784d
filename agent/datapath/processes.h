// The processes of a node, as procfs shows them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace culvert::datapath {

// processes gives the folder /proc/PID of each process; `proc` is where procfs is mounted. Any of
// them may be gone at the next look.
std::vector<std::filesystem::path> processes(const std::string& proc = "/proc");

}  // namespace culvert::datapath
