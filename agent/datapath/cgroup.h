// Names and numbers of cgroup2 directories, as the kernel programs see them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "ztunnel/lib/base/result.h"

namespace culvert::datapath {

// find_cgroup2_root gives the mount point of cgroup2 in `mounts`, the text of /proc/mounts; hybrid
// hosts have it below a tmpfs. Fails with `not_found`.
Result<std::string> find_cgroup2_root(std::string_view mounts);
Result<std::string> find_cgroup2_root();  // reads /proc/mounts

// cgroup_id gives what bpf_get_current_cgroup_id() returns for the processes of the directory
// `path`. Fails with `config` if it is not a directory of cgroup2.
Result<std::uint64_t> cgroup_id(const std::string& path);

// cgroup_of_process gives the cgroup2 directory of a process of `proc`, below the mount point
// `cgroup2_root`. Fails with `not_found` when the process is gone.
Result<std::string> cgroup_of_process(pid_t pid, const std::string& cgroup2_root,
                                      const std::string& proc = "/proc");

}  // namespace culvert::datapath
