// The client of the agent's enrol socket (agent/enrol/enrol_socket.h says what is spoken), for
// programs without a loop: it blocks until the answer or the deadline.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "ztunnel/lib/base/result.h"

namespace culvert::cni {

// The name of the socket in --run-dir.
inline constexpr const char* kEnrolSocketName = "enrol.sock";

struct EnrolQuestion {
  std::string op;  // "add", "del", "check" or "status"
  std::string uid;
  std::string ns;
  std::string name;
  int netns = -1;  // the pod's, borrowed; -1: none
};

struct EnrolAnswer {
  bool ok = false;
  std::string state;  // "captured" or "outside" after an add or check that is ok
  std::string error;  // the agent's sentence if it is not
};

// ask_agent asks one question. It asks again while the agent has no place for one more connection.
// Fails if nobody gives an answer that can be read: `unavailable` if no agent serves `socket`,
// `timed_out` if it took longer than `within`, `protocol` if it answered something else.
Result<EnrolAnswer> ask_agent(const std::string& socket, const EnrolQuestion& question,
                              std::chrono::milliseconds within);

}  // namespace culvert::cni
