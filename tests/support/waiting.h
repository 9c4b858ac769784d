// Waiting for the world: asks again and again until the answer is yes or the time is over.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <thread>

namespace culvert::lab {

using namespace std::chrono_literals;
using Milliseconds = std::chrono::milliseconds;

inline constexpr Milliseconds kAskAgain = 20ms;

// eventually calls `answer` until it is true; false when `limit` passed first.
template <typename Answer>
bool eventually(Milliseconds limit, Answer answer) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!answer()) {
    if (std::chrono::steady_clock::now() >= deadline) {
      return false;
    }
    std::this_thread::sleep_for(kAskAgain);
  }
  return true;
}

}  // namespace culvert::lab
