// Randomness as a parameter: real processes seed it from the kernel, tests from a number.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <random>

namespace culvert {

// Rng is for choices (load balancing, jitter, trace ids), never for keys: those come from
// BoringSSL.
class Rng {
 public:
  explicit Rng(std::uint64_t seed) : engine_(seed) {}

  // below returns a number in [0, bound); `bound` must not be 0.
  std::uint64_t below(std::uint64_t bound) {
    return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(engine_);
  }
  std::uint64_t next() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

}  // namespace culvert
