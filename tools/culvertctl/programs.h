// Other programs that culvertctl runs: kubectl and helm, found on PATH.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "ztunnel/lib/base/result.h"

namespace culvert::ctl {

using Command = std::vector<std::string>;

struct Ran {
  int exit_code = 0;  // 128 + the signal's number when one ended it
  std::string out;    // what it wrote to its standard output
};

// run_quietly takes a program's standard output and drops its errors; run_shown leaves both where
// ours go, and gives no `out`. Both fail with `config` when it can't be started.
Result<Ran> run_quietly(const Command& command);
Result<Ran> run_shown(const Command& command);

// to_shell gives a line to copy into a shell, quoted where needed.
std::string to_shell(const Command& command);

}  // namespace culvert::ctl
