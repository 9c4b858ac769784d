// CULVERT_ASSERT: for invariants of ours, never for what the network, the kernel or a person gave
// us.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <cstdlib>

// CULVERT_ASSERT prints the broken condition with its place and aborts. It is on in every build: a
// proxy that goes on with a broken invariant may leak one tenant's bytes to another.
#define CULVERT_ASSERT(condition)                                                            \
  do {                                                                                       \
    if (!(condition)) [[unlikely]] {                                                         \
      std::fprintf(stderr, "%s:%d: assertion failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
