// Other programs that culvertctl runs: kubectl and helm, found on PATH.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ztunnel/lib/base/result.h"

namespace culvert::ctl {

using Command = std::vector<std::string>;

struct Ran {
  int exit_code = 0;  // 128 + the signal's number when one ended it
  std::string out;    // what it wrote to its standard output
  std::string error;  // and to its standard error
};

// run_quietly gives `input` to a program and takes what it writes; run_shown leaves all of it where
// ours is. Both fail with `config` when it can't be started.
Result<Ran> run_quietly(const Command& command, std::string_view input = {});
Result<Ran> run_shown(const Command& command);

// kubectl gives what it wrote to its standard output. Fails with `unavailable`, and the first line
// of what it wrote of the error, when it fails or when the API server does not answer within 10 s.
Result<std::string> kubectl(Command arguments, std::string_view input = {});

// first_line gives the first line of what a program wrote, fit to be shown.
std::string first_line(const std::string& text);

// is_there tells whether a program is found on PATH.
bool is_there(const std::string& program);

// to_shell gives a line to copy into a shell, quoted where needed.
std::string to_shell(const Command& command);

}  // namespace culvert::ctl
