// What a container runtime calls culvert-cni with: environment and standard input, read and checked
// as far as the specification goes. Knows no agent.
// Source of truth: CNI specification 1.1.0, "Section 2: Execution Protocol".
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>

#include "agent/cni/answer.h"

namespace culvert::cni {

// 2 MiB: containerd reads no longer configuration, and a result is some hundred bytes.
inline constexpr std::size_t kInputBytesMax = std::size_t{2} << 20;
// 253 bytes: no name in Kubernetes is longer, and the enrol socket takes no more of three.
inline constexpr std::size_t kNameBytesMax = 253;

enum class Command : std::uint8_t { add, del, check, gc, status, version };

struct Call {
  Command command = Command::add;
  std::string command_text;  // for the log
  std::string version;       // one of kVersions, or as given for VERSION
  std::string container;
  std::string netns;

  // CNI_ARGS; empty for who is not Kubernetes, or an old runtime.
  std::string pod_uid;
  std::string pod_namespace;
  std::string pod_name;

  // Our entry in the configuration.
  std::string run_dir = "/run/culvert";
  std::string state_dir = "/var/lib/culvert";
  std::set<std::string> exempt = {"culvert-system"};
  std::string log_file;

  Json previous;  // prevResult; null if there is none

  // pod_text names the pod for people.
  std::string pod_text() const;
};

// Environment gives a variable, "" if it is not set.
using Environment = std::function<std::string(const char*)>;

// read_call reads the call into `call` and gives whether it can be served; if not, `failure` says
// why. What could be read is in `call` in any case: the log and the answer need it.
// `input` may be longer than kInputBytesMax by a byte, which is too long then.
bool read_call(const Environment& environment, std::string_view input, Call& call,
               Failure& failure);

}  // namespace culvert::cni
