// Config: what culvert-ztunnel is told by flags and environment.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>

#include "ztunnel/lib/io/loop.h"
#include "ztunnel/lib/obs/log.h"

namespace culvert::ztunnel {

struct Config {
  std::string node;
  std::string run_dir = "/run/culvert";
  std::string zds_socket = "/var/run/ztunnel/ztunnel.sock";
  std::string xds_address;  // "unix:PATH"
  std::string ca_address;   // "unix:PATH"
  std::string trust_domain = "cluster.local";
  unsigned workers = 0;  // 0: see default_workers
  io::Backend io = io::Backend::automatic;
  std::chrono::milliseconds drain_time{25'000};
  std::uint16_t readiness_port = 15021;
  std::uint16_t metrics_port = 15020;
  std::uint16_t admin_port = 15000;
  obs::LogFormat log_format = obs::LogFormat::text;
  std::string log_level = "info";
};

// parse_config reads the command line; the environment (CULVERT_IO) gives defaults. Gives an exit
// status instead where the process should end at once: 0 after --help, 2 for wrong usage, with the
// text printed.
std::variant<Config, int> parse_config(int argc, char** argv);

// default_workers is a quarter of the CPUs, at least 2, as ztunnel has it (wire-facts §0).
unsigned default_workers();

}  // namespace culvert::ztunnel
