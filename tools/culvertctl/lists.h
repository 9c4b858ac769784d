// The lists that culvertctl shows: what each is made of, what an item may be called, how it looks.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/culvertctl/fields.h"
#include "tools/culvertctl/options.h"
#include "tools/culvertctl/table.h"
#include "tools/culvertctl/times.h"

namespace culvert::ctl {

struct List {
  std::string_view command;  // "workloads"
  std::string_view noun;     // "workload"
  std::string_view daemon;   // who knows: "ztunnel" or "agent"
  std::string_view path;     // what to ask it
  // items takes the daemon's answer apart into objects, as `-o json` shows them.
  Json (*items)(const Json& answer);
  // names gives what an item may be asked for by, the usual one first.
  std::vector<std::string> (*names)(const Json& item);
  // wanted gives the option that narrows the list; empty is all.
  const std::string& (*wanted)(const Options& options);
  Table (*table)(const Json& items, WallClock now);
};

// list_of gives the list of a command, null where the command is none (status).
const List* list_of(std::string_view command);

// select gives the items that `options` ask for, or fails with `not_found` and the nearest name.
Result<Json> select(const List& list, const Json& answer, const Options& options);

}  // namespace culvert::ctl
