// verify_leaf: whether a workload's certificate leads to a root, and by which way.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "ztunnel/lib/base/result.h"

namespace culvert::tls {

struct VerifiedChain {
  std::vector<std::string> intermediates;  // PEM each, the leaf's issuer first
  std::string root;                        // PEM
  // The end of whatever ends first of the above.
  std::chrono::system_clock::time_point not_after;
};

// verify_leaf leads the first certificate of `leaf_pem` over any of `others_pem` (may be empty) to
// one of `roots_pem`, as both sides of a handshake would at `now`. Fails with `tls`.
Result<VerifiedChain> verify_leaf(std::string_view leaf_pem, std::string_view others_pem,
                                  std::string_view roots_pem,
                                  std::chrono::system_clock::time_point now);

}  // namespace culvert::tls
