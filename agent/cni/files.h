// Whole files: read up to a limit, and replaced so that nobody ever sees a half of one, not even
// after a power cut.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "ztunnel/lib/base/result.h"

namespace culvert::cni {

// What replace_file writes beside `path` first. No CNI runtime reads a file with such an end.
inline constexpr const char* kAsideSuffix = ".culvert-new";

// read_file fails with `unavailable` if the file does not exist, with `limit` if it is longer than
// `bytes_max`, and with `config` if it is none (a folder, a pipe).
Result<std::string> read_file(const std::string& path, std::size_t bytes_max);

struct FileOwner {
  mode_t mode = 0600;
  uid_t uid = static_cast<uid_t>(-1);  // -1: as the process
  gid_t gid = static_cast<gid_t>(-1);
};

// replace_file writes `text` aside, has it on the disk, and renames it to `path`. Fails with `io`
// or what the kernel said, and the old file is then still there.
Result<> replace_file(const std::string& path, std::string_view text, const FileOwner& owner);

}  // namespace culvert::cni
