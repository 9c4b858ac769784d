// Wire: what goes between the nodes for as long as the object lives.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "tests/support/cluster.h"

namespace culvert::lab {

class Wire {
 public:
  explicit Wire(const Cluster& cluster);
  ~Wire();
  Wire(Wire&&) = delete;
  Wire& operator=(Wire&&) = delete;

  // Both end the capture at their first call.
  bool shows(std::string_view bytes);
  // ports gives the service ports of the TCP packets between two addresses.
  std::set<int> ports(const std::string& one, const std::string& other);

 private:
  std::string file_;
  Capture capture_;
};

}  // namespace culvert::lab
