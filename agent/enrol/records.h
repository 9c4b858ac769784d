// The agent's memory across its own restarts: which pod a netns cookie in the kernel belongs to.
// The kernel stays the truth of what is enrolled; a record without a pod in the kernel is dropped.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/mesh/desired.h"
#include "ztunnel/lib/base/result.h"

namespace culvert::enrol {

// The name of the file in --run-dir.
inline constexpr const char* kRecordsName = "enrolled.json";

struct Record {
  std::uint64_t netns_cookie = 0;  // unique within a boot
  mesh::LocalPod pod;              // without its addresses
  bool operator==(const Record&) const = default;
};

// read_records gives none for a file that is absent or of an earlier boot. Fails with `config` when
// it can't be understood.
Result<std::vector<Record>> read_records(const std::string& path);

// write_records replaces the file in one rename, mode 0600. Fails with `io` and a sentence, e.g. on
// a full disk; the old file is then still there.
Result<> write_records(const std::string& path, const std::vector<Record>& records);

}  // namespace culvert::enrol
