// Pod: one pod that this ztunnel serves, as ZDS names it, with the descriptors that came along.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "ztunnel/lib/base/fd.h"

namespace culvert::proxy {

// The listeners of a pod, in the order in which ZDS carries them.
enum class Role : std::uint8_t { outbound, inbound, hbone };
inline constexpr std::size_t kRoleCount = 3;

// Pod is shared by the workers and never changes. Its descriptors close when the last connection of
// the last worker lets go of it.
struct Pod {
  std::string uid;
  std::string name;
  std::string ns;
  std::string service_account;
  Fd netns;
  std::array<Fd, kRoleCount> listeners;  // non-blocking

  int listener(Role role) const { return listeners[static_cast<std::size_t>(role)].get(); }
};

using PodPtr = std::shared_ptr<const Pod>;

}  // namespace culvert::proxy
