// A transcript in README.md is what a command wrote on the cluster of the tests.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tests/support/cluster.h"

namespace culvert::lab {

// check_transcript checks that README's block of `command` is `output`, but for times and numbers;
// of the nodes' parts it has one. With CULVERT_TRANSCRIPT=write in the environment it writes it.
void check_transcript(const Cluster& cluster, const std::string& command,
                      const std::string& output);

}  // namespace culvert::lab
