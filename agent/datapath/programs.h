// The compiled programs: opens their skeletons, gives them the shared maps, loads them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "ztunnel/lib/base/fd.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::datapath {

// Maps are the shared maps of a node, each under the name it has in bpf/.
struct Maps {
  Fd pods;
  Fd steered;
  Fd listeners;
  Fd daemons;
  Fd passports;
  Fd verdicts;
};

// make_maps makes all maps as the programs declare them and pins them in `root`.
Result<Maps> make_maps(const std::string& root);
// adopt_maps opens the pins in `root`; fails with `config` where one is missing or has another
// shape.
Result<Maps> adopt_maps(const std::string& root);

struct CapturePrograms {
  Fd connect4;
  Fd connect6;
};

Result<CapturePrograms> load_capture(const Maps& maps);
Result<Fd> load_passport(const Maps& maps);
// load_steer loads the instance of one netns.
Result<Fd> load_steer(const Maps& maps, std::uint64_t netns_cookie);

}  // namespace culvert::datapath
