// SPDX-License-Identifier: Apache-2.0
#include "ztunnel/privileges.h"

#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

namespace culvert::ztunnel {
namespace {

constexpr std::array<cap_value_t, 3> kNeeded = {CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_NET_RAW};

}  // namespace

Result<> keep_needed_capabilities() {
  for (cap_value_t cap = 0; cap_valid(cap); ++cap) {
    // Without CAP_SETPCAP the bounding set stays; what counts are the sets below.
    if (std::find(kNeeded.begin(), kNeeded.end(), cap) == kNeeded.end()) {
      (void)::cap_drop_bound(cap);
    }
  }
  const std::unique_ptr<_cap_struct, int (*)(void*)> caps(::cap_init(), ::cap_free);
  for (const cap_flag_t flag : {CAP_PERMITTED, CAP_EFFECTIVE}) {
    ::cap_set_flag(caps.get(), flag, kNeeded.size(), kNeeded.data(), CAP_SET);
  }
  if (::cap_set_proc(caps.get()) != 0) {
    return fail(
        Errc::config,
        "culvert-ztunnel needs the capabilities NET_ADMIN, SYS_ADMIN and NET_RAW; add them to "
        "its container or run it as root",
        Side::local);
  }
  (void)::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return {};
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

}  // namespace culvert::ztunnel
