// ProblemLog: problems that somebody finds again each time he looks, each logged when it comes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "agent/mesh/objects.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::agent {

class ProblemLog {
 public:
  // update takes all that are there now, and logs those that were not before.
  void update(std::vector<mesh::Problem> problems) {
    for (const auto& problem : problems) {
      if (std::ranges::find(now_, problem) == now_.end()) {
        obs::log(obs::Level::warn, "mesh", problem.sentence);
      }
    }
    now_ = std::move(problems);
  }

  const std::vector<mesh::Problem>& now() const { return now_; }

 private:
  std::vector<mesh::Problem> now_;
};

}  // namespace culvert::agent
