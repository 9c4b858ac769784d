// The client side of the agent's enrolment socket, that the CNI plugin uses too.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tests/support/pod.h"

namespace culvert::lab {

// ask_enrol sends one request, `op` "add" (with the pod's netns attached) or "del", and gives the
// agent's error sentence; empty means that it is done. A socket that does not answer is a sentence
// too.
std::string ask_enrol(const std::string& socket_path, const std::string& op, const Pod& pod);

}  // namespace culvert::lab
