// Sysctls of the network namespace that the calling thread is in.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ztunnel/lib/base/result.h"

namespace culvert::enrol {

// switch_sysctl_on writes 1 to /proc/sys/`path` and gives whether it was not 1 before; the error
// names the file and, where it is read-only, why.
Result<bool> switch_sysctl_on(const char* path);
// switch_sysctl_off writes 0; a file that the kernel does not have (IPv6 switched off) is no error.
Result<> switch_sysctl_off(const char* path);

}  // namespace culvert::enrol
