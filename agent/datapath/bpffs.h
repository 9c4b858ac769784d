// The BPF file system that pins live in.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ztunnel/lib/base/result.h"

namespace culvert::datapath {

// ensure_bpffs makes `directory` on a bpffs: an existing one where an ancestor is one, else a new
// mount (at /sys/fs/bpf for what lies below it, else at `directory` itself). Fails with `config`
// for a relative path and for a mount that the host does not see: it would vanish with the agent's
// container, and with the pins the capture of every pod, in plaintext.
Result<> ensure_bpffs(const std::string& directory);

// mountinfo_has_device tells whether a line of `mountinfo` (proc(5)) shows a mount of that device.
bool mountinfo_has_device(std::string_view mountinfo, std::uint32_t major, std::uint32_t minor);

}  // namespace culvert::datapath
