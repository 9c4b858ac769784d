// SPDX-License-Identifier: Apache-2.0
#include "tests/kind/wire.h"

#include <unistd.h>

#include <filesystem>

namespace culvert::lab {

Wire::Wire(const Cluster& cluster)
    : file_(std::filesystem::temp_directory_path() /
            ("culvert-wire-" + std::to_string(::getpid()) + ".pcap")),
      capture_(cluster.capture(file_)) {}

Wire::~Wire() {
  std::filesystem::remove(file_);
  std::filesystem::remove(file_ + ".log");
}

bool Wire::shows(std::string_view bytes) {
  capture_.stop();
  return capture_.holds(bytes);
}

std::set<int> Wire::ports(const std::string& one, const std::string& other) {
  capture_.stop();
  return capture_.ports_between(std::set{one}, std::set{other});
}

}  // namespace culvert::lab
