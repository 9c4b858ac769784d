// LevelTable: which levels are written for which scope. Immutable; a change makes a new one.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "ztunnel/lib/obs/log.h"

namespace culvert::obs {

class LevelTable {
 public:
  // changed gives this table with `spec` applied; see set_levels in log.h.
  Result<LevelTable> changed(std::string_view spec) const;

  // of gives the level of `scope`: that of the longest prefix that ends at "::", else the default.
  Level of(std::string_view scope) const;
  // most_verbose is the highest level of any scope: nothing above it is ever written.
  Level most_verbose() const;
  std::string spec() const;

 private:
  Level default_ = Level::info;
  std::map<std::string, Level, std::less<>> scopes_;
};

}  // namespace culvert::obs
