// The mesh's CA, from elsewhere than a node: which one signs and which roots are accepted, as the
// signers publish it, and what kubectl does to have it succeeded by another. No private key is
// looked at here.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "tools/culvertctl/fields.h"
#include "tools/culvertctl/steps.h"
#include "tools/culvertctl/times.h"

namespace culvert::ctl {

// read_published gives {"signing": …, "roots": […]} from the ConfigMap culvert-ca-roots; what is
// missing there is missing here.
Json read_published(const Json& config_map);
// render_ca gives a page of it.
std::string render_ca(const Json& published, WallClock now, bool colour);
// look_at_ca asks kubectl. Fails with `not_found` while nothing is published, and with
// `unavailable` as kubectl does.
Result<Json> look_at_ca(const std::string& in_namespace);

struct RotateOptions {
  std::string in_namespace = "culvert-system";
  std::string from;  // folder of the CA that is to sign; empty: the signers make a root
  bool run = false;
};

// Which Secrets the cluster has.
struct Authorities {
  bool given = false;  // cacerts
  bool own = false;    // culvert-ca
};

// plan_rotation fails with `config` where `options` don't fit what is there.
Result<std::vector<Step>> plan_rotation(const RotateOptions& options,
                                        const Authorities& authorities);
// rotate looks at what is there, then shows the steps, or shows and runs each. Gives the exit code
// for culvertctl.
int rotate(const RotateOptions& options);

}  // namespace culvert::ctl
