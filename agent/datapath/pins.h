// The layout of the pins of one node, built aside and renamed into place:
//
//   <pin_dir>/v1/                    v<CULVERT_ABI_VERSION>
//     pods steered listeners …       maps, by the one name they have everywhere
//     connect4 connect6 passport     links to cgroups
//     steer/<netns cookie, hex>      links to the netns of pods
//   <pin_dir>/v1-building/           a start that did not get to its end; the next one removes it
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ztunnel/lib/base/fd.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::datapath {

std::string pin_root(const std::string& pin_dir);
std::string building_root(const std::string& pin_dir);
std::string steer_directory(const std::string& root);
std::string steer_pin(const std::string& root, std::uint64_t netns_cookie);

// lock_pins takes the one lock of a pin directory, held until the descriptor closes (also by
// death). Fails with `config` while another agent has it.
Result<Fd> lock_pins(const std::string& pin_dir);

// check_pin_version fails with `config` and the next step when pins of another ABI version are
// there.
Result<> check_pin_version(const std::string& pin_dir);

// begin_build removes what an unfinished start left and makes the empty building_root.
Result<> begin_build(const std::string& pin_dir);
// publish_build renames building_root to pin_root: from here on the pins are complete.
Result<> publish_build(const std::string& pin_dir);

// steer_cookies lists the netns cookies that have a steer pin.
Result<std::vector<std::uint64_t>> steer_cookies(const std::string& root);

// remove_pins detaches every link below `root` and removes all of it; absent is no error.
Result<> remove_pins(const std::string& root);

// all_roots lists the directories of pins in `pin_dir`: of every version, finished or not.
Result<std::vector<std::string>> all_roots(const std::string& pin_dir);

}  // namespace culvert::datapath
