// Config: what culvert-signer is told by its flags, read once by main.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>

#include "agent/flags/early_exit.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::signer {

struct Config {
  std::string in_namespace = "culvert-system";
  std::string agent = "system:serviceaccount:culvert-system:culvert-agent";
  std::string trust_domain = "cluster.local";
  std::string kubeconfig;  // empty: a pod's own
  std::chrono::seconds certificate_lifetime{24 * 3600};
  std::chrono::seconds root_overlap{};
  std::uint16_t readiness_port = 15021;
  std::uint16_t metrics_port = 15020;
  std::string log_format = "text";
  std::string log_level = "info";
};

using flags::EarlyExit;

std::variant<Config, EarlyExit> read_flags(int argc, const char* const* argv);

}  // namespace culvert::signer
